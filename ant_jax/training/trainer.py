"""A trainer: parameters become a state that is trained, and parameters again."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Int, PRNGKeyArray

from ant_jax.nonparametric.active import check_counts
from ant_jax.nonparametric.hold import hold_inactive
from ant_jax.nonparametric.masking import mask_anchors
from ant_jax.ops.elementwise import elementwise
from ant_jax.training import mesh as mesh_lib
from ant_jax.training.epoch import EpochReport, StepReport, make_epoch
from ant_jax.training.loss import (
    Loss,
    LossInputs,
    call_loss,
    check_clip_norm,
    clip,
    fresh,
)
from ant_jax.training.state import TrainState


class Trainer(NamedTuple):
    """Everything that a training loop needs, as one value.

    Made by `dense_trainer` or `lazy_trainer`, whose examples use it.
    """

    create: Callable[[Any], TrainState]  # from fresh parameters
    step: Callable[[TrainState, Any], tuple[TrainState, StepReport]]  # on a batch
    # A pass over the data, compiled; the state is donated. See `make_epoch`.
    epoch: Callable[[TrainState, Any, PRNGKeyArray], tuple[TrainState, EpochReport]]
    params: Callable[[TrainState], Any]  # after the steps taken; removed anchors are 0
    # Sets the number of anchors of each table, by its name; the state is donated.
    resize: Callable[[TrainState, Mapping[str, int]], TrainState]
    mesh: Mesh


def dense_trainer(
    loss_fn: Loss,
    tx: optax.GradientTransformation,
    mesh: Mesh,
    batch_size: int,
    *,
    key: PRNGKeyArray | None = None,
    carry: Any = None,
    clip_norm: float | None = None,
    shuffle: bool = True,
    hold: bool = True,
) -> Trainer:
    """Trains all parameters by one transformation, which moves all of them every step.

    Args:
      loss_fn: `loss_fn(params, batch)`, the mean loss of a batch: a scalar, or a
        `LossOutput` with further metrics.
      tx: the optimizer; its update is given the parameters.
      mesh: see `data_mesh`; the batch is cut across it.
      batch_size: examples a step of an epoch.
      key: for a loss that draws random numbers or changes with time: it is then called
        with `key`, another one every step, and with `step`, the steps taken, int32 ().
      carry: for a loss that keeps a state from batch to batch, such as the hidden
        state of a recurrent network: a pytree of arrays, where every epoch begins. The
        loss is called with `carry` and returns the next in its `LossOutput`. No
        gradient flows from batch to batch.
      clip_norm: largest global norm of the gradients; None leaves them as they are.
      shuffle: whether an epoch visits the examples in a random order or in their own.
      hold: whether anchors that `resize` removes stay as they are, with their optimizer
        state. If not, momentum and penalty go on where they are not used.

    Returns:
      The trainer.

    Raises:
      ValueError: clip_norm is not positive. In `epoch`: the batch is larger than the
        data or does not divide by the devices.

    Example:
      >>> import ant_jax as ant
      >>> from ant_jax import training
      >>> emb = ant.AnchorEmbedding(num_embeddings=6, features=2, num_anchors=2)
      >>> def loss(params, ids):
      ...     return jnp.mean((emb.lookup(params, ids) - 1.0) ** 2)
      >>> tx = ant.with_proximal(ant.yogi(0.1), ant.proximal_yogi(0.1, l1=1e-4))
      >>> mesh = training.data_mesh(jax.devices()[:1])
      >>> trainer = training.dense_trainer(loss, tx, mesh, batch_size=3)
      >>> state, ids = trainer.create(emb.init(jax.random.key(0))), jnp.arange(6)
      >>> for epoch in range(30):
      ...     state, report = trainer.epoch(state, ids, jax.random.key(epoch))
      >>> int(state.step), bool(report.loss < 0.1)
      (60, True)
    """
    check_clip_norm(clip_norm)
    tx = hold_inactive(tx) if hold else optax.with_extra_args_support(tx)

    def create(params: Any) -> TrainState:
        zero = jnp.zeros((), jnp.int32)
        return TrainState(zero, params, tx.init(params), {}, carry=fresh(carry))

    def step(state: TrainState, batch: Any) -> tuple[TrainState, StepReport]:
        batch = mesh_lib.shard_batch(batch, mesh)
        inputs = LossInputs(key, state.step, state.carry)

        def loss_of(params: Any) -> Any:
            return call_loss(loss_fn, in_use(params, state), batch, inputs)

        gradients, output = jax.grad(loss_of, has_aux=True)(state.params)
        state = descend(tx, state, clip(gradients, clip_norm), hold)
        return state._replace(carry=output.carry), StepReport.of(output)

    def params(state: TrainState) -> Any:
        return in_use(state.params, state)

    def resize(state: TrainState, anchors: Mapping[str, int]) -> TrainState:
        check_counts(anchors, state.params)
        return state._replace(active=counts(anchors, mesh))

    epoch = make_epoch(step, batch_size, mesh, carry=carry, shuffle=shuffle)
    return Trainer(create, step, epoch, params, resize, mesh)


def in_use(params: Any, state: TrainState) -> Any:
    """Parameters with zeros in place of anchors that are not in use."""
    return params if state.active is None else _mask(params, state.active)


# Outside of an epoch it is called on whole tables.
_mask = jax.jit(mask_anchors)


def counts(anchors: Mapping[str, int], mesh: Mesh) -> dict[str, Int[Array, ""]]:
    """Numbers of anchors as arrays of a state."""
    numbers: Any = {name: np.int32(count) for name, count in anchors.items()}
    return mesh_lib.replicate(numbers, mesh)


def descend(
    tx: optax.GradientTransformationExtraArgs,
    state: TrainState,
    gradients: Any,
    hold: bool,
) -> TrainState:
    """The state after a step of the optimizer on `params`."""
    extra = {"active": state.active} if hold else {}
    updates, opt_state = tx.update(gradients, state.opt_state, state.params, **extra)
    params = jax.tree.map(_add, state.params, updates)
    return state._replace(step=state.step + 1, params=params, opt_state=opt_state)


@elementwise
def _add(p: Array, update: Array) -> Array:
    # As optax.apply_updates, but one loop with the optimizer's own.
    return p + update.astype(p.dtype)
