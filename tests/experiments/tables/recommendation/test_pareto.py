"""ANT's front, and the best baseline within each of its budgets."""

from experiments.tables import document
from experiments.tables.recommendation import baselines, pareto


def point(method, size, value):
    summary = {"mean": value, "deviation": 0.0}
    sizes = {"mean": size, "deviation": 0.0}
    return {
        "row": method,
        "method": method,
        "budget": None,
        "value": summary,
        "emb_params": sizes,
        "emb_bytes": sizes,
    }


def test_the_front_and_the_best_baseline_within_a_budget():
    found = [
        point("ant", 10, 0.8),
        point("full", 10, 0.9),
        point("full", 20, 0.75),
        point("ant", 20, 0.7),
        point("hashing", 15, 0.85),
    ]
    front = pareto.on_front(found)
    assert [(p["method"], p["emb_params"]["mean"]) for p in front] == [
        ("ant", 10),
        ("ant", 20),
    ]
    small, large = pareto.at_budgets(found)
    assert small["ant"]["value"]["mean"] == 0.8
    assert small["baseline"]["value"]["mean"] == 0.9
    assert large["baseline"]["method"] == "full"
    assert pareto.best_within(found, 5) is None


def test_all_methods_are_in_the_picture(publisher, results_of):
    rows = baselines.rows("movielens_1m")
    name = "pareto_movielens_1m"
    readme = publisher.readme("recommendation", name)
    content = pareto.content("movielens_1m", results_of(rows))
    methods = {point["method"] for point in content["points"]}
    assert methods == {
        *("ant", "full", "low_rank", "mixed_dimension", "hashing"),
        *("quotient_remainder", "sparse_cbow", "slimming"),
    }
    ours = [point for point in content["points"] if point["row"] == "ant"]
    assert len(ours) == len(rows["ant"].budgets)
    document.store(publisher.root, name, content)
    pareto.publish(document.load(publisher.root, name), publisher.root)
    assert set(publisher.stored(name)["rows"]) == set(rows)
    assert publisher.drawn(name)
    assert "| 59.4K | 0.7600 ± 0.0100 |" in readme.read_text()
