"""The optimizer that a user has, and a proximal one for what is to become sparse."""

import copy
from collections.abc import Callable
from typing import Any, overload

import jax
import optax

from ant_jax.optim.labels import param_labels as default_labels

# Transformations that decide whether a step is taken and from which gradients. Around
# a part of the parameters they would decide for that part alone. By their states:
_GATES: dict[type, str] = {
    optax.MultiStepsState: "optax.MultiSteps",
    optax.ApplyEvery: "optax.apply_every",
    optax.ApplyIfFiniteState: "optax.apply_if_finite",
}


@overload
def with_proximal(
    optimizer: optax.MultiSteps,
    proximal: optax.GradientTransformation,
    param_labels: Callable[[Any], Any] = default_labels,
) -> optax.MultiSteps: ...


@overload
def with_proximal(  # type: ignore[overload-cannot-match]  # optax is Any to mypy
    optimizer: optax.GradientTransformation,
    proximal: optax.GradientTransformation,
    param_labels: Callable[[Any], Any] = default_labels,
) -> optax.GradientTransformationExtraArgs: ...


def with_proximal(
    optimizer: Any,
    proximal: optax.GradientTransformation,
    param_labels: Callable[[Any], Any] = default_labels,
) -> Any:
    """Lets a proximal optimizer train the sparse tables of a model, and yours the rest.

    This is `optax.partition` by `param_labels`. If the optimizer is `optax.MultiSteps`,
    both accumulate gradients on its schedule. Otherwise it sees only its own
    parameters: a global norm that is clipped inside of it is the norm of those, and the
    gradients of T are not clipped. To clip all of them by one norm, do it first:

        tx = ant_jax.with_proximal(
            optax.adamw(1e-3), ant_jax.proximal_yogi(1e-2, l1=1e-5)
        )
        tx = optax.chain(optax.clip_by_global_norm(1.0), tx)

    Args:
      optimizer: any Optax transformation, or `optax.MultiSteps`, for the parameters
        that stay dense.
      proximal: the optimizer of the entries that become sparse, such as
        `proximal_yogi`.
      param_labels: labels these entries "transform" and all others "other".

    Returns:
      An `optax.GradientTransformationExtraArgs`, or `optax.MultiSteps` if that was
      given; its `update` needs the parameters, and passes further arguments on to both.

    Raises:
      ValueError: in `init`, there is no sparse table among the parameters, or the
        optimizer holds a transformation that accumulates gradients or skips steps. It
        would do so for its own parameters alone, and belongs around `with_proximal`.

    Example:
      >>> import jax.numpy as jnp
      >>> from ant_jax.optim import proximal_sgd
      >>> tx = with_proximal(optax.sgd(1.0), proximal_sgd(1.0, l1=0.5))
      >>> params = {"anchors": jnp.ones((1, 1)), "transform": jnp.array([[1.0], [0.4]])}
      >>> zeros = jax.tree.map(jnp.zeros_like, params)
      >>> updates, _ = tx.update(zeros, tx.init(params), params)
      >>> optax.apply_updates(params, updates)["transform"].tolist()
      [[0.5], [0.0]]
    """
    if isinstance(optimizer, optax.MultiSteps):
        inner = with_proximal(optimizer.inner_opt, proximal, param_labels)
        return _around(optimizer, inner)
    owner = getattr(optimizer.update, "__self__", None)
    if isinstance(owner, optax.MultiSteps):
        # What MultiSteps.gradient_transformation returns.
        moved = with_proximal(owner, proximal, param_labels)
        return optax.GradientTransformationExtraArgs(moved.init, moved.update)

    joined = optax.partition({"transform": proximal, "other": optimizer}, param_labels)

    def init(params: Any) -> Any:
        state = joined.init(params)
        _refuse_gates(state)
        return state

    return optax.GradientTransformationExtraArgs(init, joined.update)


def _around(outer: optax.MultiSteps, inner: Any) -> optax.MultiSteps:
    """The same accumulation around another optimizer."""
    moved = copy.copy(outer)
    # Its settings have no public names, but there is no need to read them.
    moved._opt = inner
    if moved.inner_opt is not inner:
        raise ValueError(
            "This version of Optax does not let MultiSteps be moved: write "
            "optax.MultiSteps(with_proximal(optimizer, proximal), ...)."
        )
    return moved


def _refuse_gates(state: optax.PartitionState) -> None:
    gates = tuple(_GATES)
    for label, inner in state.inner_states.items():
        nodes = jax.tree.leaves(inner, is_leaf=lambda node: isinstance(node, gates))
        for node in nodes:
            if isinstance(node, gates):
                whose = "proximal" if label == "transform" else "optimizer"
                raise ValueError(
                    f"The {whose} of with_proximal holds {_GATES[type(node)]}, which "
                    "would hold back some parameters and not the others. Put such a "
                    "wrapper around both: optax.MultiSteps(with_proximal(optimizer, "
                    "proximal), ...) or optax.apply_if_finite(with_proximal(...), ...)."
                )
