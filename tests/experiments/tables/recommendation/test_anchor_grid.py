"""The objective over a grid, and the gap of where nbANT lands."""

import dataclasses

import numpy as np
import pytest

from experiments.tables import document
from experiments.tables.recommendation import anchor_grid

ANCHORS, L1 = (2, 4), 1e-3


def epoch(validation, non_zeros, **anchors):
    return {"validation": validation, "non_zeros": non_zeros, **anchors}


def ant(users, items, *history):
    return {
        "method": "ant",
        "anchors": {"users": users, "items": items},
        "history": list(history),
        "config": {"l1": L1},
        "epochs": len(history),
        "wall_s": 10.0,
    }


def nbant(users, items, *history):
    own = {"method": "nbant", "value": 0.9, "commit": "abc", "device": "cpu"}
    return ant(users, items, *history) | own


def found():
    return {
        "ant_2_2": ant(2, 2, epoch(1.0, 100), epoch(0.9, 120), epoch(0.95, 130)),
        "ant_2_4": ant(2, 4, epoch(0.9, 150)),
        "ant_4_2": ant(4, 2, epoch(0.9, 160)),
        "ant_4_4": ant(4, 4, epoch(0.7, 200)),
        "nbant_0.01_from_2": nbant(
            4,
            2,
            epoch(1.0, 100, anchors_users=2, anchors_items=2),
            epoch(0.8, 150, anchors_users=4, anchors_items=2),
            epoch(0.8, 250, anchors_users=4, anchors_items=4),
        ),
    }


def price(mse, non_zeros, anchors, cost):
    return mse + L1 * non_zeros + (cost - L1) * anchors


def test_a_landing_is_beside_the_best_pair_of_the_whole_grid():
    table = anchor_grid.summarize(found(), ANCHORS, 0.01, [2], seed=0)
    want = [
        # The second epoch has the least objective, the last one the most zeros.
        [price(0.9, 120, 4, 0.01), price(0.9, 150, 6, 0.01)],
        [price(0.9, 160, 6, 0.01), price(0.7, 200, 8, 0.01)],
    ]
    np.testing.assert_allclose(table["grid"], want)
    assert (table["best"]["users"], table["best"]["items"]) == (4, 4)
    (landing,) = table["landings"]
    ours = price(0.8, 150, 6, 0.01)
    assert landing["objective"] == pytest.approx(ours)
    assert landing["gap"] == pytest.approx(ours / want[1][1] - 1)
    assert [step[:2] for step in landing["course"]] == [[2, 2], [4, 2], [4, 4]]
    # Each epoch pays for the anchors that it had.
    last = price(0.8, 250, 8, 0.01)
    assert landing["course"][-1][2] == pytest.approx(last)
    assert table["grid_epochs"] == 6
    assert table["grid_wall_s"] == 40


def test_one_grid_serves_all_prices():
    runs = found()
    runs["nbant_0.1_from_2"] = runs["nbant_0.01_from_2"]
    dear = anchor_grid.summarize(runs, ANCHORS, 0.1, [2], seed=0)
    assert (dear["best"]["users"], dear["best"]["items"]) == (2, 2)
    assert dear["best"]["objective"] == pytest.approx(price(0.9, 120, 4, 0.1))


def test_every_pair_and_every_landing_is_trained_once():
    rows = anchor_grid.rows([2, 4, 8], [1e-4, 2e-3], [2, 10])
    assert len(rows) == 9 + 4
    assert (rows["ant_2_8"].user_anchors, rows["ant_2_8"].item_anchors) == (2, 8)
    landing = rows["nbant_0.002_from_10"]
    assert (landing.method, landing.anchor_cost) == ("nbant", 2e-3)
    assert (landing.user_anchors, landing.item_anchors) == (10, 10)
    # What is compared is trained alike but for the anchors and the time that they take.
    same = (
        dataclasses.asdict(rows["ant_2_2"]).items()
        & dataclasses.asdict(landing).items()
    )
    assert {"l1", "features", "batch_size", "learning_rate"} <= dict(same).keys()


def test_result_file_picture_and_table_are_written(publisher):
    readme = publisher.readme("recommendation", "anchor_grid")
    table = anchor_grid.summarize(found(), ANCHORS, 0.01, [2], seed=0)
    content = {"table": "anchor_grid", "tables": [table]}
    document.store(publisher.root, "anchor_grid", content)
    anchor_grid.publish(document.load(publisher.root, "anchor_grid"), publisher.root)
    assert publisher.stored("anchor_grid") == content
    assert publisher.drawn("anchor_grid")
    assert "| 0.01 | 4/4 | 0.9720 | 2/2 | 4/2 | 1.0040 | +3.3% | 3, 6 |" in (
        readme.read_text()
    )
