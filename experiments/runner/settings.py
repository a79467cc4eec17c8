"""Settings of a program: frozen dataclasses whose fields carry their own rules."""

import dataclasses
import functools
import math
from typing import Any


class SettingError(ValueError):
    """A setting is not what it must be; the message names it."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """What stands beside a setting."""

    help: str
    group: str  # the part of --help that it is listed in
    choices: tuple[str, ...] | None = None
    methods: tuple[str, ...] = ()  # that it is for; none: for all of them
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def complaint(self, value: Any) -> str | None:
        """What the value must be and is not; None where it is as it must be.

        None, for a setting that is not given, is always right. Of several values each
        must be.
        """
        if value is None or isinstance(value, (bool, str)):
            return None
        values = value if isinstance(value, tuple) else (value,)
        if all(self._holds(one) for one in values):
            return None
        bounds = {
            "at least": self.at_least,
            "above": self.above,
            "at most": self.at_most,
            "below": self.below,
        }
        words = [f"{w} {b:g}" for w, b in bounds.items() if b is not None]
        if any(isinstance(one, float) for one in values) and self._open:
            words.append("finite")
        return " and ".join(words)

    @property
    def _open(self) -> bool:
        return self.at_most is None and self.below is None

    def _holds(self, value: float) -> bool:
        return (
            math.isfinite(value)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )


def setting(default: Any, help: str, *, group: str, **bounds: Any) -> Any:
    """A field of `Settings`.

    Args:
      default: its value if nothing is said.
      help: one sentence for --help.
      group: see `Rule`.
      bounds: `choices`, `methods`, `at_least`, `above`, `at_most`, `below`.
    """
    return dataclasses.field(
        default=default, metadata={"rule": Rule(help, group, **bounds)}
    )


def group(name: str) -> Any:
    """`setting` for one part of --help."""
    return functools.partial(setting, group=name)


def again(base: type, name: str, default: Any, **changes: Any) -> Any:
    """A field that `base` has too, with another default or another rule."""
    (field,) = (f for f in dataclasses.fields(base) if f.name == name)
    rule = dataclasses.replace(field.metadata["rule"], **changes)
    return dataclasses.field(default=default, metadata={"rule": rule})


@dataclasses.dataclass(frozen=True)
class Settings:
    """A base class that checks every field by its rule.

    Raises:
      SettingError: a setting is not what it must be.
    """

    def __post_init__(self) -> None:
        for name, rule in rules(type(self)).items():
            value = getattr(self, name)
            if rule.choices is not None and value not in rule.choices:
                raise SettingError(
                    f"Unknown {name} {value!r}; known ones: {', '.join(rule.choices)}."
                )
            complaint = rule.complaint(value)
            self.require(name, complaint is None, complaint or "")

    def require(self, name: str, holds: bool, what: str) -> None:
        """Refuses a setting.

        Raises:
          SettingError: it does not hold; the message says what the setting must be.
        """
        if not holds:
            raise SettingError(f"{name} must be {what}, got {getattr(self, name)!r}.")

    def changes(self) -> dict[str, Any]:
        """The settings that differ from their defaults."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }


def rules(settings: type[Settings]) -> dict[str, Rule]:
    """The rule of every setting, by name."""
    return {f.name: f.metadata["rule"] for f in dataclasses.fields(settings)}
