"""Which parameters the penalty is for."""

from typing import Any

import jax

from ant_jax.params import find_parts, find_tables


def param_labels(params: Any) -> Any:
    """Labels what is to become sparse "transform" and everything else "other".

    For `optax.multi_transform`. The former are every transform T and the tables of
    `SparseParams`; how they are found is said in `ant_jax.params`.

    Args:
      params: a pytree: Flax variables, an `nnx.State`, `AnchorParams`, or a nest of
        them.

    Returns:
      A pytree of strings of the same structure.

    Raises:
      ValueError: there is no such table; the message says where it looked.

    Example:
      >>> import jax.numpy as jnp
      >>> param_labels({"embed": {"anchors": jnp.ones(1), "transform": jnp.ones(1)}})
      {'embed': {'anchors': 'other', 'transform': 'transform'}}
    """
    find_tables(params)
    parts = find_parts(params)

    def label(path: tuple[Any, ...], _: Any) -> str:
        part = parts.get(path)
        return "transform" if part is not None and part.sparse else "other"

    return jax.tree_util.tree_map_with_path(label, params)
