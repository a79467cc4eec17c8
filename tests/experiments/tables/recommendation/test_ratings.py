"""The tables of MovieLens 1M and Epinions."""

import json

import pytest

from experiments.recommendation.task import Recommendation
from experiments.tables import document, paper
from experiments.tables.recommendation import ratings


@pytest.mark.parametrize("dataset", ["movielens_1m", "epinions"])
def test_a_line_is_mean_and_deviation_beside_the_published_error(
    dataset, publisher, results_of
):
    readme = publisher.readme("recommendation", dataset)
    top = publisher.top_readme(dataset)
    results = results_of(ratings.rows(dataset))
    document.store(publisher.root, dataset, ratings.content(dataset, results))
    ratings.publish(document.load(publisher.root, dataset), publisher.root)
    text = readme.read_text()
    assert "old" not in text
    assert "0.7600 ± 0.0100" in text
    stored = publisher.stored(dataset)
    assert "somewhere" not in json.dumps(stored)
    assert {line["row"] for line in stored["lines"]} <= set(stored["rows"])
    if dataset == "movielens_1m":
        assert "| ANT 15/15 | 0.786 | 29.2K | 0.7600" in text
        # The second budget of three is 0.01 worse than the first, at its own size.
        assert "| ANT, tuned | 0.786 | 29.2K | 0.7700 ± 0.0100 | 29.2K" in text
        assert "ANT 15/15" not in top.read_text()
        assert publisher.drawn("movielens_1m")


def test_every_line_has_a_row_and_every_row_of_mixdim_its_published_line():
    for dataset in ratings.DATASETS:
        rows = ratings.rows(dataset)
        for line in ratings.lines(dataset):
            assert line.row in rows
            if line.budget is not None:
                assert line.budget in rows[line.row].budgets
    published = paper.table("ant_table14_movielens1m")
    for line in ratings.lines("movielens_1m"):
        if line.label.startswith("MixDim"):
            config = ratings.rows("movielens_1m")[line.row]
            setting = published[line.published]["settings"]
            assert f"alpha={config.mixed_temperature}" in setting
            assert setting.endswith(f"k={config.mixed_blocks}")
            assert f"d={config.mixed_first} " in setting
            assert config.method in Recommendation.methods
