"""What a loss is given, and what it may return."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

# (params, batch) -> scalar or `LossOutput`. With a key it is also given `key` and
# `step`, with a carry also `carry`.
Loss = Callable[..., Any]


class LossOutput(NamedTuple):
    """A loss with more to say than one number.

    Example:
      >>> def loss(params, batch, *, carry):
      ...     hidden = 0.5 * carry + batch
      ...     error = jnp.mean((params * hidden - 1.0) ** 2)
      ...     return LossOutput(error, {"size": jnp.mean(hidden)}, hidden)
      >>> loss(jnp.ones(()), jnp.ones(2), carry=jnp.zeros(2)).carry.tolist()
      [1.0, 1.0]
    """

    loss: Float[Array, ""]  # what is minimized
    metrics: Mapping[str, Float[Array, ""]] = {}  # averaged over the steps of an epoch
    carry: Any = None  # for the next batch, of the structure that the trainer was given


class LossInputs(NamedTuple):
    """What a step hands to a loss besides parameters and batch."""

    key: PRNGKeyArray | None  # of the run; every step folds in its number
    step: Int[Array, ""]  # steps taken, int32 ()
    carry: Any  # from the batch before; None without one


def call_loss(
    loss_fn: Loss, params: Any, batch: Any, inputs: LossInputs
) -> tuple[Array, LossOutput]:
    """The loss, and all that the loss function returned, for `jax.value_and_grad`.

    Raises:
      ValueError: the trainer has a carry and the loss returns none.
    """
    extra: dict[str, Any] = {}
    if inputs.key is not None:
        key = jax.random.fold_in(inputs.key, inputs.step)
        extra |= {"key": key, "step": inputs.step}
    if inputs.carry is not None:
        extra["carry"] = inputs.carry
    output = loss_fn(params, batch, **extra)
    if not isinstance(output, LossOutput):
        output = LossOutput(output)
    if inputs.carry is not None and output.carry is None:
        raise ValueError(
            "The trainer was given a carry, so the loss must return one: "
            "LossOutput(loss, metrics, carry)."
        )
    return output.loss, output


def clip(gradients: Any, norm: float | None) -> Any:
    """Gradients scaled down to this global norm over all leaves together, if longer."""
    if norm is None:
        return gradients
    clipped, _ = optax.clip_by_global_norm(norm).update(gradients, optax.EmptyState())
    return clipped


def check_clip_norm(norm: float | None) -> None:
    """Refuses a norm that is not positive.

    Raises:
      ValueError: naming it.
    """
    if norm is not None and not 0 < norm < float("inf"):
        raise ValueError(f"clip_norm must be positive and finite, got {norm!r}.")


def fresh(carry: Any) -> Any:
    """A carry in buffers of its own, since the state that holds it is donated."""
    return jax.tree.map(lambda x: jnp.array(x, copy=True), carry)
