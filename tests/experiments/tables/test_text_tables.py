"""The tables of the text program: which rows, which points, and which is best."""

import dataclasses
import json

import pytest
from absl import flags

from experiments.tables import text_classification, text_rows, text_table
from experiments.text_classification.condense import check_limits
from experiments.text_classification.configs import CONDENSED, METHODS, SPARSE


def result_of(config, seed=0, value=90.0):
    """A result of a run of this config, each budget met and 1 percent worse a step."""
    budgets = [
        {
            "value": value - index,
            "validation": value - index + 0.5,
            "emb_params": limit,
            "emb_bytes": 6 * limit,
        }
        for index, limit in enumerate(config.limits)
    ]
    last = {
        "value": value,
        "validation": value + 0.5,
        "emb_params": 1_000_000,
        "emb_bytes": 4_000_000,
    }
    return {
        "method": config.method,
        "seed": seed,
        **(budgets[-1] if budgets else last),
        "budgets": budgets,
        "wall_s": 20.0 + seed,
        "commit": "abc",
        "config": dataclasses.asdict(config) | {"seed": seed, "data_dir": "somewhere"},
    }


def results_of(rows):
    return {
        row: [result_of(config, seed, 90.0 + seed) for seed in range(3)]
        for row, config in rows.items()
    }


@pytest.mark.parametrize("dataset", text_rows.DATASETS)
def test_every_row_can_meet_the_budgets_it_is_compared_at(dataset):
    limits = text_rows.budgets(dataset)
    assert limits == sorted(limits, reverse=True)
    rows = text_rows.rows(dataset)
    for config in rows.values():
        assert config.dataset == dataset
        check_limits(config)
        if config.method in (*SPARSE, *CONDENSED):
            assert set(config.limits) <= set(limits)
    d = 64
    for share, limit in zip(text_rows.SHARES, limits, strict=True):
        # A vector for all other words is one more.
        kept = rows[f"most_frequent_{100 * share:g}"].kept_words
        assert limit - d < (kept + 1) * d <= limit
    assert (rows["tf_idf_2"].kept_words + 1) * d <= limits[1]
    mixed = rows["mixed_cluster_classes_2"]
    assert (mixed.kept_words + mixed.clusters) * d <= limits[1]
    assert rows["hashing_5"].buckets * d <= limits[0]


def test_all_methods_are_in_the_table_but_the_one_for_a_test_of_generality():
    for dataset in text_rows.DATASETS:
        methods = {config.method for config in text_rows.rows(dataset).values()}
        assert methods == set(METHODS) - {"low_rank"}


def test_all_rows_share_what_is_not_of_one_method_alone():
    for dataset in text_rows.DATASETS:
        rows = text_rows.rows(dataset).values()
        for shared in (
            *("features", "encoder", "filters", "dropout", "length", "tokenizer"),
            *("learning_rate", "batch_size", "epochs", "patience", "refit_epochs"),
            *("split_seed", "validation_share", "validation_split"),
            "refit_learning_rate",
        ):
            assert len({getattr(config, shared) for config in rows}) == 1, shared


def test_a_point_is_a_row_at_a_budget_over_the_seeds():
    rows = text_rows.rows("r8")
    found = text_table.points(results_of(rows))
    ant = [point for point in found if point["row"] == "ant_classes"]
    assert [point["budget"] for point in ant] == text_rows.budgets("r8")
    assert ant[1]["value"] == {"mean": 90.0, "deviation": 1.0}
    assert ant[1]["emb_params"]["mean"] == text_rows.budgets("r8")[1]
    assert ant[1]["wall_s"]["mean"] == 21.0
    assert {p["line"] for p in found if p["method"] == "ant"} == {"ant", "ant_classes"}
    (full,) = (point for point in found if point["row"] == "full")
    assert full["budget"] is None
    assert full["value"]["mean"] == 91.0


SIDES = ("ours", "rival")


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


def test_ours_stand_beside_the_best_rival_of_at_most_the_size():
    large, middle, small = text_rows.budgets("r8")
    found = [
        point("full", 5, 99.0),  # neither ours nor a rival
        point("ant", large, 91.0),
        point("mixed_cluster", middle, 92.0),
        point("hashing", large, 93.0),
        point("vvd", 1.0005 * small, 89.0),
        point("vvd", 1.01 * middle, 95.0),
    ]
    pairs = text_table.at_budgets("r8", found)
    assert [pair["share"] for pair in pairs] == [0.05, 0.02, 0.005]
    of = [[p[side] and p[side]["value"]["mean"] for p in pairs] for side in SIDES]
    assert of == [[92.0, 92.0, None], [95.0, 89.0, 89.0]]
    text = text_table.budgets_markdown("r8", found)
    assert "| 2 % | mixed cluster | 92.00 ± 0.00 | vvd | 89.00 ± 0.00 |" in text
    assert "| 0.5 % | none so small |  | vvd | 89.00 ± 0.00 |" in text


@pytest.mark.parametrize("dataset", ["r8", "ag_news_32k"])
def test_file_picture_and_tables_are_written(dataset, tmp_path):
    name = f"text_{dataset}"
    readme = tmp_path / "experiments" / "text_classification" / "README.md"
    readme.parent.mkdir(parents=True)
    names = (name, f"{name}_budgets", "text_summary")
    readme.write_text(
        "".join(f"<!-- {n}:begin -->\nold\n<!-- {n}:end -->\n" for n in names)
    )
    rows = text_rows.rows(dataset)
    results = results_of(rows)
    text_table.write(dataset, text_table.points(results), results, tmp_path)
    stored = json.loads((tmp_path / "results" / f"{name}.json").read_text())
    assert set(stored["rows"]) == set(rows)
    assert "somewhere" not in json.dumps(stored)
    assert bool(stored["published"]) == (dataset == "ag_news_32k")
    assert (tmp_path / "docs" / f"{name}.png").stat().st_size > 1000
    text = readme.read_text()
    assert "old" not in text
    assert f"(../../docs/{name}.png)" in text
    assert "| full | 91.00 ± 1.00 | 1000.0K | 4000.0 kB | 21 |" in text
    # Of the sets, one is measured.
    assert text.count("not measured yet") == len(text_rows.DATASETS) - 1
    title = text_table.TITLES[dataset]
    assert f"| {title} | 91.00 ± 1.00, 1.00M | 5 % | ant" in text


def test_one_command_makes_the_tables_of_the_folders_it_is_given(monkeypatch):
    values = flags.FlagValues()
    for name in (*text_rows.DATASETS, "cache_dir", "workdir"):
        flags.DEFINE_string(name, None, "", flag_values=values)
    values.mark_as_parsed()
    monkeypatch.setattr(text_classification.flags, "FLAGS", values)
    values.workdir = "runs"
    with pytest.raises(ValueError, match="Give the folder of a data set: --r8, --r52"):
        text_classification.main()
    values.imdb, values.cache_dir = "reviews", "cache"
    ((module, *arguments),) = text_classification.commands()
    assert module == "experiments.tables.text_table"
    assert arguments == [
        "--dataset=imdb",
        "--data_dir=reviews",
        "--workdir=runs/imdb",
        "--cache_dir=cache",
    ]
