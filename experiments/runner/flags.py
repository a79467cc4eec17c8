"""Command-line flags made from the fields of a program's settings, and their help."""

import dataclasses
import textwrap
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from absl import flags

from experiments.runner.settings import SettingError, Settings, rules
from experiments.runner.workdir import Mode

Config = TypeVar("Config", bound=Settings)
_WIDTH, _COLUMN = 88, 34


def define(
    config_class: type[Settings], configs: Mapping[str, Settings], default: str
) -> None:
    """Defines `--config` and a flag for each field; a flag given overrides the config.

    Args:
      config_class: the settings.
      configs: ready-made settings by name.
      default: name of those used when `--config` is not given.
    """
    flags.DEFINE_enum("config", default, sorted(configs), "Ready-made settings.")
    for name, rule in rules(config_class).items():
        kind, many = _kind(config_class, name)
        if rule.choices is not None:
            flags.DEFINE_enum(name, None, rule.choices, rule.help)
        elif many:
            flags.DEFINE_list(name, None, rule.help)
        elif kind is bool:
            flags.DEFINE_boolean(name, None, rule.help)
        elif kind is int:
            flags.DEFINE_integer(name, None, rule.help)
        elif kind is float:
            flags.DEFINE_float(name, None, rule.help)
        else:
            flags.DEFINE_string(name, None, rule.help)


def parse(configs: Mapping[str, Config]) -> Config:
    """The config that the command line asks for.

    Raises:
      SettingError: from the config's own checks, or a list does not hold numbers.
    """
    config = configs[flags.FLAGS.config]
    given = {}
    for name in rules(type(config)):
        value = flags.FLAGS[name].value
        if value is None:
            continue
        kind, many = _kind(type(config), name)
        given[name] = _numbers(name, value, kind) if many else value
    return dataclasses.replace(config, **given)


def define_run(workdir: str) -> None:
    """Defines the flags of where a run is kept; `workdir` is the default folder."""
    flags.DEFINE_string("workdir", workdir, "Folder of this run.")
    flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
    flags.DEFINE_boolean("resume", False, "Go on with the run in --workdir.")
    flags.DEFINE_boolean("overwrite", False, "Replace the run in --workdir.")


def mode() -> Mode:
    """What to do with a run that is in the work directory already.

    Raises:
      SettingError: both flags are given.
    """
    if flags.FLAGS.resume and flags.FLAGS.overwrite:
        raise SettingError("--resume and --overwrite exclude each other.")
    if flags.FLAGS.resume:
        return "resume"
    return "overwrite" if flags.FLAGS.overwrite else "new"


def help_text(
    description: str,
    configs: Mapping[str, Settings],
    run_flags: Sequence[str],
    arguments: Sequence[str],
) -> str:
    """What --help prints: flags in groups, with the defaults of the chosen config.

    Args:
      description: what the program does.
      configs: ready-made settings by name.
      run_flags: names of the flags that are no settings.
      arguments: the command line, which may hold `--config=NAME`.
    """
    name = str(flags.FLAGS["config"].default)
    for argument in arguments:
        if argument.removeprefix("--config=") in configs:
            name = argument.removeprefix("--config=")
    config = configs[name]
    groups: dict[str, list[str]] = {}
    known = rules(type(config))
    offered = known["method"].choices or () if "method" in known else ()
    for field, rule in known.items():
        methods = [method for method in offered if method in rule.methods]
        if rule.methods and not methods:
            continue  # the program has none of them
        help = rule.help
        if methods:
            help += f" For {', '.join(methods)}."
        if rule.choices is not None:
            help += f" One of {', '.join(rule.choices)}."
        entry = _entry(field, getattr(config, field), help)
        groups.setdefault(rule.group, []).append(entry)
    lines = [description, "", "run:"]
    lines += [
        _entry(flag, flags.FLAGS[flag].default, flags.FLAGS[flag].help or "")
        for flag in run_flags
    ]
    for group, entries in groups.items():
        lines += ["", f"{group}:", *entries]
    others = ", ".join(sorted(set(configs) - {name})) or "none"
    end = f"The defaults are those of --config={name}; other configs: {others}."
    return "\n".join([*lines, "", textwrap.fill(end, _WIDTH)])


def _entry(name: str, value: Any, help: str) -> str:
    flag = f"  --{name}={_shown(value)}"
    if isinstance(value, bool):
        flag = f"  --[no]{name}={_shown(value)}"
    # absl puts the choices in front of some.
    lines = textwrap.wrap(help.rpartition(">: ")[2], _WIDTH - _COLUMN)
    if len(flag) < _COLUMN:
        flag = f"{flag:<{_COLUMN}}{lines.pop(0)}"
    return "\n".join([flag, *(" " * _COLUMN + line for line in lines)])


def _shown(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _kind(config_class: type[Settings], name: str) -> tuple[type, bool]:
    """The type of a setting, or of the numbers of a setting that has several."""
    kind = typing.get_type_hints(config_class)[name]
    if typing.get_origin(kind) is typing.Literal:
        return str, False
    if typing.get_origin(kind) is not tuple:
        kinds = [k for k in typing.get_args(kind) if k is not type(None)]
        kind = kinds[0] if kinds else kind
    if typing.get_origin(kind) is tuple:
        return typing.get_args(kind)[0], True
    return kind, False


def _numbers(name: str, texts: Sequence[str], kind: type) -> tuple[Any, ...]:
    try:
        return tuple(kind(text) for text in texts)
    except ValueError:
        what = "integers" if kind is int else "numbers"
        raise SettingError(
            f"{name} must be {what} with commas between, got {','.join(texts)!r}."
        ) from None
