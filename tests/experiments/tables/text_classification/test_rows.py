"""What is trained for the tables of texts, at which sizes."""

import numpy as np
import pytest

from experiments.data import Names
from experiments.runner.config import CONDENSED, METHODS, SPARSE
from experiments.runner.finish import check_budgets
from experiments.tables.text_classification import rows as table_rows
from experiments.text_classification.input_pipeline import (
    Examples,
    Prepared,
    Splits,
    Unknown,
)
from experiments.text_classification.task import TextClassification

SETS = table_rows.DATASETS


def prepared(words, classes):
    """No texts, of a vocabulary of so many words."""
    none = Examples(*(np.zeros(shape, np.int32) for shape in ((0, 0), 0, 0)))
    names, counts = Names(map(str, range(words))), np.zeros(words, np.int64)
    splits, unknown = Splits(none, none, none), Unknown(0, 0, 0)
    labels = tuple(map(str, range(classes)))
    return Prepared(splits, names, counts, counts, labels, unknown)


@pytest.mark.parametrize("dataset", SETS)
def test_every_row_can_meet_the_budgets_it_is_compared_at(dataset):
    limits = table_rows.budgets(dataset)
    assert list(limits) == sorted(limits, reverse=True)
    rows = table_rows.rows(dataset)
    words = prepared(table_rows._WORDS[dataset] * 1000, 2)
    for config in rows.values():
        assert config.dataset == dataset
        check_budgets(TextClassification(config, words))
        if config.method in (*SPARSE, *CONDENSED):
            assert set(config.budgets) <= set(limits)
    d = 64
    for share, limit in zip(table_rows.SHARES, limits, strict=True):
        # A vector for all other words is one more.
        kept = rows[f"most_frequent_{100 * share:g}"].kept_objects
        assert limit - d < (kept + 1) * d <= limit
    assert (rows["tf_idf_2"].kept_objects + 1) * d <= limits[1]
    mixed = rows["mixed_cluster_classes_2"]
    assert (mixed.kept_objects + mixed.clusters) * d <= limits[1]
    assert rows["hashing_5"].buckets * d <= limits[0]


# Those that are shown elsewhere: low_rank tests generality alone, and these are new.
NOT_MEASURED = {*("low_rank", "nbant", "mixed_dimension"), "quotient_remainder"}


def test_all_methods_are_in_the_table_but_those_not_measured_on_texts():
    others = NOT_MEASURED | {"sparse_cbow", "slimming"}
    for dataset in SETS:
        methods = {config.method for config in table_rows.rows(dataset).values()}
        assert methods == set(METHODS) - others


def test_all_rows_share_what_is_not_of_one_method_alone():
    for dataset in SETS:
        rows = table_rows.rows(dataset).values()
        for shared in (
            *("features", "encoder", "filters", "dropout", "length", "tokenizer"),
            *("learning_rate", "batch_size", "epochs", "patience", "refit_epochs"),
            *("split_seed", "validation_share", "validation_split"),
            "refit_learning_rate",
        ):
            assert len({getattr(config, shared) for config in rows}) == 1, shared
