"""Results of the text classifier."""

import pytest

from experiments.text_classification.task import TextClassification


@pytest.fixture
def results_of(make_result):
    """Results of rows, with three seeds that are a percent apart."""

    def make(rows):
        return {
            row: [
                make_result(TextClassification, config, seed, 90.0 + seed, -1.0)
                for seed in range(3)
            ]
            for row, config in rows.items()
        }

    return make
