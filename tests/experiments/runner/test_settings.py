"""Rules that stand on the fields they are for."""

import dataclasses

import pytest

from experiments.recommendation.task import Recommendation
from experiments.runner.config import METHODS
from experiments.runner.settings import SettingError, Settings, again, rules, setting
from experiments.text_classification.task import TextClassification


@dataclasses.dataclass(frozen=True)
class Base(Settings):
    rate: float = setting(0.5, "Rate.", group="a", above=0)
    share: float = setting(0.5, "Share.", group="a", at_least=0, below=1)
    count: int = setting(3, "Count.", group="b", at_least=1, at_most=9)
    kind: str = setting("x", "Kind.", group="b", choices=("x", "y"))
    sizes: tuple[int, ...] = setting((), "Sizes.", group="b", at_least=1)
    optional: float | None = setting(None, "Optional.", group="b", above=0)


@dataclasses.dataclass(frozen=True)
class Derived(Base):
    count: int = again(Base, "count", 5, at_most=None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": 0.0}, r"^rate must be above 0 and finite, got 0\.0\.$"),
        ({"rate": float("inf")}, "rate must be above 0 and finite, got inf"),
        ({"rate": float("nan")}, "rate must be above 0 and finite, got nan"),
        ({"share": 1.0}, "share must be at least 0 and below 1, got 1"),
        ({"count": 0}, "count must be at least 1 and at most 9, got 0"),
        ({"count": 10}, "count must be at least 1 and at most 9, got 10"),
        ({"kind": "z"}, "Unknown kind 'z'; known ones: x, y"),
        ({"sizes": (2, 0)}, r"sizes must be at least 1, got \(2, 0\)"),
        ({"optional": -1.0}, "optional must be above 0"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused(changes, message):
    with pytest.raises(SettingError, match=message):
        Base(**changes)


def test_values_at_their_bounds_are_taken():
    Base(share=0.0, count=9, kind="y", sizes=(1,), optional=1e-9)


def test_a_subclass_changes_a_default_and_keeps_the_rest_of_the_rule():
    assert Derived().count == 5
    assert Derived(count=100).count == 100
    assert rules(Derived)["count"].help == "Count."
    with pytest.raises(SettingError, match="count must be at least 1, got 0"):
        Derived(count=0)


def test_changes_are_the_settings_that_differ():
    assert Derived().changes() == {}
    assert Derived(count=3, sizes=(4,)).changes() == {"count": 3, "sizes": (4,)}


@pytest.mark.parametrize("task", [Recommendation, TextClassification])
def test_every_setting_of_a_program_is_explained_in_plain_words(task):
    config_class = type(task.configs[task.default_config])
    for name, rule in rules(config_class).items():
        assert rule.group, name
        assert rule.help[0].isupper(), name
        assert rule.help.endswith("."), name
        assert not rule.help.startswith("Of "), name
        # A misspelled one would hide the setting from --help.
        assert set(rule.methods) <= set(METHODS), name
