"""The tables of texts: which points, and which is best."""

import json

import pytest

from experiments.tables import document
from experiments.tables.points import make_points
from experiments.tables.text_classification import accuracy, best
from experiments.tables.text_classification.rows import DATASETS, budgets, rows

SIDES = ("ours", "baseline")


def test_a_point_is_a_row_at_a_budget_over_the_seeds(results_of):
    found = make_points(results_of(rows("r8")), accuracy._line)
    ant = [point for point in found if point["row"] == "ant_classes"]
    assert tuple(point["budget"] for point in ant) == budgets("r8")
    assert ant[1]["value"] == {"mean": 90.0, "deviation": 1.0}
    assert ant[1]["emb_params"]["mean"] == budgets("r8")[1]
    assert ant[1]["wall_s"]["mean"] == 21.0
    assert {p["line"] for p in found if p["method"] == "ant"} == {"ant", "ant_classes"}
    (full,) = (point for point in found if point["row"] == "full")
    assert full["budget"] is None
    assert full["value"]["mean"] == 91.0


def point(method, size, value, row=None):
    summary = {"mean": value, "deviation": 0.0}
    sizes = {"mean": size, "deviation": 0.0}
    return {
        "row": row or method,
        "method": method,
        "value": summary,
        "emb_params": sizes,
        "emb_bytes": sizes,
    }


def test_ours_stand_beside_the_best_baseline_of_at_most_the_size():
    large, middle, small = budgets("r8")
    found = [
        point("full", 5, 99.0),  # neither ours nor a baseline
        point("ant", large, 91.0),
        point("mixed_cluster", middle, 92.0),
        point("hashing", large, 93.0),
        point("vvd", 1.0005 * small, 89.0),
        point("vvd", 1.01 * middle, 95.0),
    ]
    pairs = best.at_budgets("r8", found)
    assert [pair["share"] for pair in pairs] == [0.05, 0.02, 0.005]
    of = [[p[side] and p[side]["value"]["mean"] for p in pairs] for side in SIDES]
    assert of == [[92.0, 92.0, None], [95.0, 89.0, 89.0]]
    text = accuracy.render_budgets("r8", found)
    assert "| 2 % | mixed cluster | 92.00 ± 0.00 | vvd | 89.00 ± 0.00 |" in text
    assert "| 0.5 % | none so small |  | vvd | 89.00 ± 0.00 |" in text


@pytest.mark.parametrize("dataset", ["r8", "ag_news_32k"])
def test_file_picture_and_tables_are_written(dataset, publisher, results_of):
    name = f"text_{dataset}"
    marked = (name, f"{name}_budgets", "text_summary")
    readme = publisher.readme("text_classification", *marked)
    trained = rows(dataset)
    content = accuracy.content(dataset, results_of(trained))
    document.store(publisher.root, name, content)
    accuracy.publish(document.load(publisher.root, name), publisher.root)
    stored = publisher.stored(name)
    assert set(stored["rows"]) == set(trained)
    assert "somewhere" not in json.dumps(stored)
    assert "rival" not in json.dumps(stored)
    assert [pair["ours"]["row"] for pair in stored["budgets"]] == ["ant"] * 3
    assert bool(stored["published"]) == (dataset == "ag_news_32k")
    assert publisher.drawn(name)
    text = readme.read_text()
    assert "old" not in text
    assert f"(../../docs/{name}.png)" in text
    assert "| full | 91.00 ± 1.00 | 1000.0K | 4000.0 kB | 21 |" in text
    # Of the sets, one is measured.
    assert text.count("not measured yet") == len(DATASETS) - 1
    title = best.TITLES[dataset]
    assert f"| {title} | 91.00 ± 1.00, 1.00M | 5 % | ant" in text
