"""Epinions with time stamps, as one CSV.

Source: J. Tang, H. Gao, H. Liu, A. Das Sarma, eTrust: Understanding Trust Evolution in
an Online World, KDD 2012.

A user may have rated an item more than once: 9,826 of the 922,267 rows repeat a pair of
user and item, nearly half of these pairs with another rating. The rows are kept as
they are, like the publisher counts them; so a random split puts some pairs in both
training and test.
"""

from experiments.data.delimited import Layout
from experiments.data.file_source import FileSource

SOURCE = FileSource(
    name="epinions",
    layouts=(
        Layout(
            "ratings.csv", headers=(("user", "item", "rating"),), rating_range=(1, 5)
        ),
    ),
    folder="epinions",
    num_ratings=922_267,
    download="The original can be had from cse.msu.edu/~tangjili/trust.html.",
)
