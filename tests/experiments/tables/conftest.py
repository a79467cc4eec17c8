"""Results as runs leave them, and a place to publish to."""

import dataclasses
import json
from types import SimpleNamespace

import pytest
from absl import flags


def result_of(task, config, seed, value, worse):
    """A result of a run of this config, each budget met and worse by so much a step."""
    budgets = [
        {
            "value": value + index * worse,
            "validation": value + index * worse,
            "emb_params": limit,
            "emb_bytes": 6 * limit,
        }
        for index, limit in enumerate(config.budgets)
    ]
    last = {
        "value": value,
        "validation": value,
        "emb_params": 1_000_000 + seed,
        "emb_bytes": 4_000_000,
    }
    config = dataclasses.asdict(config) | {"seed": seed, "data_dir": "somewhere"}
    return {
        "task": task.name,
        "method": config["method"],
        "seed": seed,
        **(budgets[-1] if budgets else last),
        "budgets": budgets,
        "anchors": {"users": 8, "items": 8} if config["method"] == "nbant" else {},
        "before_pruning": {"validation": value, "emb_params": 20_000},
        "dense_params": 155_936,
        "dropped": None,
        "epochs": 10,
        "best_epoch": 8,
        "wall_s": 20.0 + seed,
        "examples_per_s": 1e5,
        "peak_rss_bytes": 10**9,
        "commit": "abc",
        "device": "cpu",
        # As it is read from a file: tuples have become lists.
        "config": json.loads(json.dumps(config)),
    }


@pytest.fixture
def publisher(tmp_path):
    """A root with READMEs that hold markers, and what is published there."""

    def readme(path, *names):
        path.parent.mkdir(parents=True, exist_ok=True)
        marked = (f"a\n<!-- {n}:begin -->\nold\n<!-- {n}:end -->\nb\n" for n in names)
        path.write_text("".join(marked))
        return path

    def stored(name):
        return json.loads((tmp_path / "results" / f"{name}.json").read_text())

    return SimpleNamespace(
        root=tmp_path,
        top_readme=lambda *names: readme(tmp_path / "README.md", *names),
        readme=lambda program, *names: readme(
            tmp_path / "experiments" / program / "README.md", *names
        ),
        stored=stored,
        drawn=lambda name: (tmp_path / "docs" / f"{name}.png").stat().st_size > 1000,
    )


@pytest.fixture
def flag_values():
    """Makes flags of one test, in place of those of a program."""

    def make(strings=(), lists=(), booleans=(), **given):
        values = flags.FlagValues()
        for name in strings:
            flags.DEFINE_string(name, None, "", flag_values=values)
        for name in lists:
            flags.DEFINE_list(name, [], "", flag_values=values)
        for name in booleans:
            flags.DEFINE_boolean(name, False, "", flag_values=values)
        values.mark_as_parsed()
        for name, value in given.items():
            setattr(values, name, value)
        return values

    return make


@pytest.fixture
def make_result():
    return result_of
