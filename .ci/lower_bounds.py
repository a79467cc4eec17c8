"""Prints the lower bounds in setup.cfg as pip's constraints, `name==version`.

`make test-lowest` installs with them, so that the bounds are kept in one place. Named
are the requirements of the library and of the extras that are given as arguments.
"""

import configparser
import re
import sys
from pathlib import Path

_SETUP_CFG = Path(__file__).resolve().parent.parent / "setup.cfg"
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+) *(?:>=|==) *(?P<version>[\w.]+)")


def lower_bounds(extras: list[str]) -> list[str]:
    """Returns one constraint for each requirement of the library and of the extras.

    Args:
      extras: names of `[options.extras_require]`.

    Raises:
      KeyError: setup.cfg has no such extra.
      ValueError: a requirement has no lower bound.
    """
    config = configparser.ConfigParser()
    config.read(_SETUP_CFG, encoding="utf-8")
    lists = [config["options"]["install_requires"]]
    lists += [config["options.extras_require"][extra] for extra in extras]
    constraints = []
    for line in "\n".join(lists).splitlines():
        if not line.strip():
            continue
        requirement = _REQUIREMENT.fullmatch(line.strip())
        if requirement is None:
            raise ValueError(f"This requirement has no lower bound: {line}")
        constraints.append("{name}=={version}".format(**requirement.groupdict()))
    return constraints


if __name__ == "__main__":
    print(*lower_bounds(sys.argv[1:]), sep="\n")
