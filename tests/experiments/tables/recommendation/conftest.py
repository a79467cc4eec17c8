"""Results of the recommender."""

import pytest

from experiments.recommendation.task import Recommendation


@pytest.fixture
def results_of(make_result):
    """Results of rows, with three seeds that are 0.01 apart."""

    def make(rows):
        return {
            row: [
                make_result(Recommendation, config, seed, 0.75 + seed / 100, 0.01)
                for seed in range(3)
            ]
            for row, config in rows.items()
        }

    return make
