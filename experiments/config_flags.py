"""Command-line flags made from the fields of a frozen config."""

import dataclasses
import typing
from typing import Any, TypeVar

from absl import flags

Config = TypeVar("Config")


def setting(default: Any, help: str) -> Any:
    """A config field with the help text of its flag."""
    return dataclasses.field(default=default, metadata={"help": help})


def define(config_class: type, configs: dict[str, Any], default: str) -> None:
    """Defines `--config` and a flag for each field; a flag given overrides the config.

    Args:
      config_class: the frozen dataclass.
      configs: ready-made configs by name.
      default: name of the one used when `--config` is not given.
    """
    flags.DEFINE_enum("config", default, sorted(configs), "Ready-made settings.")
    types = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        text = f"{field.metadata['help']} (default: as in --config)"
        kinds = [k for k in typing.get_args(types[field.name]) if k is not type(None)]
        kind = kinds[0] if kinds else types[field.name]
        if kind is bool:
            flags.DEFINE_boolean(field.name, None, text)
        elif kind is int:
            flags.DEFINE_integer(field.name, None, text)
        elif kind is float:
            flags.DEFINE_float(field.name, None, text)
        else:
            flags.DEFINE_string(field.name, None, text)


def parse(configs: dict[str, Config]) -> Config:
    """The config that the command line asks for.

    Raises:
      ValueError: from the config's own checks.
    """
    config = configs[flags.FLAGS.config]
    names = [field.name for field in dataclasses.fields(config)]  # type: ignore[arg-type]
    given = {name: flags.FLAGS[name].value for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(config, **given)  # type: ignore[type-var]
