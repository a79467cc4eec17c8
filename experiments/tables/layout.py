"""JSON that is small, and shows in a diff which run, point or line has changed."""

import json
from typing import Any

_LONG = 4000  # characters of a line


def dumps(content: dict[str, Any]) -> str:
    """Lays out a result file: a list of objects has a line for each of them.

    What holds such a list is indented, by one space a level; everything else stands on
    one line. An object is taken apart too where its line would be very long.
    """
    return _spread(content, "") + "\n"


def _layout(value: Any, indent: str, *, item: bool) -> str:
    line = json.dumps(value, separators=(",", ":"))
    long = len(line) > _LONG and isinstance(value, dict)
    if long or (_holds_list(value) and (not item or len(line) > _LONG)):
        return _spread(value, indent)
    return line


def _spread(value: Any, indent: str) -> str:
    inner = indent + " "
    if isinstance(value, dict):
        begin, end = "{}"
        parts = [
            f"{json.dumps(key)}: {_layout(part, inner, item=False)}"
            for key, part in value.items()
        ]
    else:
        begin, end = "[]"
        parts = [_layout(part, inner, item=True) for part in value]
    return f"{begin}\n" + ",\n".join(inner + p for p in parts) + f"\n{indent}{end}"


def _holds_list(value: Any) -> bool:
    """Whether it is, or holds under its keys, a list of objects or of lists."""
    if isinstance(value, dict):
        return any(map(_holds_list, value.values()))
    return isinstance(value, (list, tuple)) and any(
        isinstance(part, (dict, list, tuple)) for part in value
    )
