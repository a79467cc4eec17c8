"""How each method is stored: one file a method, and one line here."""

from ant_jax.compact.codecs.anchor import AnchorRows
from ant_jax.compact.codecs.base import Rows
from ant_jax.compact.codecs.full import FullRows

_BY_METHOD: dict[str, type[Rows]] = {"ant": AnchorRows, "full": FullRows}


def find(method: str) -> type[Rows]:
    """The codec of a method.

    Raises:
      ValueError: there is none.
    """
    if method not in _BY_METHOD:
        known = ", ".join(map(repr, sorted(_BY_METHOD)))
        raise ValueError(
            f"there is no codec for the method {method!r}, only for {known}"
        )
    return _BY_METHOD[method]
