"""Lazy and dense runs beside each other."""

import pytest

from experiments.recommendation.configs import Config
from experiments.recommendation.task import Recommendation
from experiments.tables import document
from experiments.tables.recommendation import lazy_rows


def test_lazy_and_dense_runs_stand_beside_each_other(publisher, make_result):
    readme = publisher.readme("recommendation", "lazy_rows")
    lazy = make_result(Recommendation, Config(), 0, 0.75, 0.01)
    config = Config(lazy_rows=False)
    dense = make_result(Recommendation, config, 0, 0.7501, 0.01)
    content = lazy_rows.content({"lazy": lazy, "dense": dense})
    document.store(publisher.root, "lazy_rows", content)
    lazy_rows.publish(document.load(publisher.root, "lazy_rows"), publisher.root)
    stored = publisher.stored("lazy_rows")
    assert stored["difference"] == pytest.approx(-1e-4)
    assert stored["rows"]["dense"]["config"] == {"lazy_rows": False}
    assert "| dense | 0.750100 | 1,000,000 | 10 | 100,000 |" in readme.read_text()
