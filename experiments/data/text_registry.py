"""The data sets of texts by name."""

from experiments.data import imdb
from experiments.data.errors import DataError
from experiments.data.text_csv import LABEL, TEXT, TITLE, CsvLayout
from experiments.data.text_folder import TextFolder
from experiments.data.text_sources import TEST, TRAIN, TextSource
from experiments.data.text_tsv import TsvLayout

_ZHANG = "Its archive can be had from the authors of Zhang et al., NeurIPS 2015."
_CACHOPO = "It can be had from ana.cachopo.org/datasets-for-single-label-text."
_AG_CLASSES = ("World", "Sports", "Business", "Sci/Tech")
_TITLED = (LABEL, TITLE, TEXT)


def _zhang(name: str, layout: CsvLayout, train: int, test: int) -> TextFolder:
    return TextFolder(
        name,
        layout,
        folders=(f"{name}_csv", name),
        sizes={TRAIN: train, TEST: test},
        download=_ZHANG,
    )


def _cachopo(name: str, train: int, test: int) -> TextFolder:
    return TextFolder(
        name,
        TsvLayout(),
        folders=(name,),
        sizes={TRAIN: train, TEST: test},
        download=_CACHOPO,
    )


TEXT_SOURCES: dict[str, TextSource] = {
    source.name: source
    for source in (
        _zhang(
            "ag_news",
            CsvLayout(_TITLED, 4, line_break="\\", names=_AG_CLASSES),
            120_000,
            7_600,
        ),
        # The official test split, but 32,055 of the 120,000 texts for training.
        TextFolder(
            "ag_news_32k",
            CsvLayout(
                (*_TITLED, "source"),
                4,
                header=("class", "title", "description", "source"),
                optional=1,
                line_break="\\",
                names=_AG_CLASSES,
            ),
            folders=("ag_news_32k",),
            sizes={TRAIN: 32_055, TEST: 7_600},
        ),
        _zhang("dbpedia", CsvLayout(_TITLED, 14), 560_000, 70_000),
        _zhang("sogou_news", CsvLayout(_TITLED, 5), 450_000, 60_000),
        _zhang("yelp_review_full", CsvLayout((LABEL, TEXT), 5), 650_000, 50_000),
        _zhang("yelp_polarity", CsvLayout((LABEL, TEXT), 2), 560_000, 38_000),
        imdb.SOURCE,
        _cachopo("20ng", 11_293, 7_528),
        _cachopo("r8", 5_485, 2_189),
        _cachopo("r52", 6_532, 2_568),
        TextFolder("text", TsvLayout(), own_validation=True),
    )
}


def get_text_source(name: str) -> TextSource:
    """Returns the source of a data set.

    Raises:
      DataError: the name is unknown, and the known ones are listed.
    """
    if name not in TEXT_SOURCES:
        raise DataError(
            f"Unknown data set {name!r}. Known are: {', '.join(sorted(TEXT_SOURCES))}."
        )
    return TEXT_SOURCES[name]
