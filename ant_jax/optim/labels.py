"""Which parameters the penalty is for."""

from typing import Any

import jax


def param_labels(params: Any) -> Any:
    """Labels every transform T "transform" and everything else "other".

    For `optax.multi_transform`. A leaf is a transform when the last name on its path is
    `transform`, which is what `AnchorParams` and both `AnchorEmbed` modules call T.

    Args:
      params: a pytree: Flax variables, an `nnx.State`, `AnchorParams`, or a nest of
        them.

    Returns:
      A pytree of strings of the same structure.

    Example:
      >>> import jax.numpy as jnp
      >>> param_labels({"embed": {"anchors": jnp.ones(1), "transform": jnp.ones(1)}})
      {'embed': {'anchors': 'other', 'transform': 'transform'}}
    """

    def label(path: tuple[Any, ...], _: Any) -> str:
        names = [_name(key) for key in path]
        if names and names[-1] == "value":  # an NNX variable holds its array there
            names.pop()
        return "transform" if names and names[-1] == "transform" else "other"

    return jax.tree_util.tree_map_with_path(label, params)


def _name(key: Any) -> Any:
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return getattr(key, attribute)
    return key
