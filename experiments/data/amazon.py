"""Amazon product reviews of 2018, all of them or of one category.

Source: J. Ni, J. Li, J. McAuley, Justifying Recommendations using Distantly-Labeled
Reviews and Fine-grained Aspects, EMNLP 2019. There is a file for each category, and
`all_csv_files.csv` with all of them. The publisher's files of 2014 have users before
items: they need a header and the data set `csv`.
"""

from experiments.data import delimited, json_lines
from experiments.data.file_source import FileSource

_STARS = (1.0, 5.0)
_DOWNLOAD = "It can be had from nijianmo.github.io/amazon."

SOURCES = (
    FileSource(
        name="amazon",
        layouts=(
            delimited.Layout(
                "*.csv", columns=(1, 0, 2), integer_ids=False, rating_range=_STARS
            ),
        ),
        any_name=True,
        download=_DOWNLOAD,
    ),
    FileSource(
        name="amazon_5core",
        layouts=(
            json_lines.Layout(
                "*.json",
                user="reviewerID",
                item="asin",
                rating="overall",
                rating_range=_STARS,
            ),
        ),
        any_name=True,
        download=_DOWNLOAD,
    ),
)
