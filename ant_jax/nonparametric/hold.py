"""An optimizer that leaves anchors as they are while they are not in use."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array

from ant_jax.nonparametric.active import Active, count_of, map_active, spread
from ant_jax.ops.elementwise import elementwise
from ant_jax.params import Part, find_parts, names_of


def hold_inactive(
    inner: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Stops values and optimizer state of anchors that are not active.

    A momentum glides on without gradients and a penalty goes on shrinking. Here neither
    does: an anchor that is left out and used again later comes back with the A, the T
    and the moments it had. State that all entries share, such as the count of steps,
    moves on.

    Args:
      inner: the optimizer of all parameters, or of those that hold A and T. State that
        it keeps for A and T is found by their names and shapes; it may be nested in
        any way, as by `optax.multi_transform`.

    Returns:
      A transformation with the state of `inner`, whose `update` takes `active`, see
      `mask_anchors`. Without it, it is `inner`.

    Example:
      >>> import ant_jax as ant
      >>> params = ant.AnchorParams(jnp.ones((2, 1)), jnp.ones((1, 2)))
      >>> tx = hold_inactive(ant.proximal_sgd(0.5, l1=1.0))
      >>> grads = jax.tree.map(jnp.zeros_like, params)
      >>> updates, _ = tx.update(grads, tx.init(params), params, active=1)
      >>> optax.apply_updates(params, updates).transform.tolist()
      [[0.5, 1.0]]
    """
    inner = optax.with_extra_args_support(inner)

    def update(
        updates: Any,
        state: Any,
        params: Any = None,
        *,
        active: Active | None = None,
        **extra: Any,
    ) -> tuple[Any, Any]:
        if active is not None and params is None:
            raise ValueError(
                "To hold anchors the parameters are needed: update(grads, state, "
                "params, active=active)."
            )
        moves, new = inner.update(updates, state, params, **extra)
        if active is None:
            return moves, new

        def stop(part: Part, count: ArrayLike, leaf: Array) -> Array:
            return _select(leaf, jnp.zeros_like(leaf), spread(part, count, leaf))

        return map_active(stop, active, moves), _hold(state, new, params, active)

    return optax.GradientTransformationExtraArgs(inner.init, update)


def _hold(old: Any, new: Any, params: Any, active: Active) -> Any:
    """The new state, but for what belongs to anchors that are not active."""
    parts = find_parts(params)
    # By all names on the path, from the longest: "a.users" before "users".
    places = {
        tuple(names_of(path)): (parts[path], jnp.shape(leaf))
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if path in parts
    }
    order = sorted(places, key=len, reverse=True)

    def one(path: tuple[Any, ...], now: Any, before: Any) -> Any:
        names = tuple(names_of(path))
        match = next((p for p in order if names[-len(p) :] == p), None)
        if match is None:
            return now
        part, shape = places[match]
        count = count_of(active, part.table)
        if count is None or jnp.shape(now) != shape:
            return now
        return _select(now, before, spread(part, count, now))

    return jax.tree_util.tree_map_with_path(one, new, old)


@elementwise
def _select(new: Array, old: Array, keep: Array) -> Array:
    return jnp.where(keep, new, old)
