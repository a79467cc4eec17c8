"""How parameters become a state that is trained, step by step, and parameters again."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ant_jax.nonparametric.hold import hold_inactive
from ant_jax.nonparametric.masking import mask_anchors
from ant_jax.nonparametric.tables import check_counts, columns, transforms
from ant_jax.optim.elementwise import elementwise
from ant_jax.optim.lazy import LazyRows
from ant_jax.optim.support import where_nonzero
from ant_jax.training import mesh as mesh_lib
from ant_jax.training.state import TrainState

# (params, batch) -> scalar; of a trainer with a key, (params, batch, key=, step=).
Loss = Callable[..., Float[Array, ""]]
Rows = dict[str, Array]  # name of a table -> its rows


class Trainer(NamedTuple):
    """Functions that a training loop needs."""

    create: Callable[[Any], TrainState]  # from fresh parameters
    step: Callable[[TrainState, Any], tuple[TrainState, Array]]  # on a batch; loss
    params: Callable[[TrainState], Any]  # after the steps taken; removed anchors are 0
    # So many anchors of each table from here on, by its name; the state is donated.
    resize: Callable[[TrainState, Mapping[str, int]], TrainState]


class Tables(NamedTuple):
    """Which of a model's parameters are trained by lazy rows.

    `split` and `join` are inverse to each other: tables of shape (V, columns) by name,
    and what is left of the parameters.
    """

    rows: Mapping[str, LazyRows]  # the optimizer of each table
    ids: Mapping[str, str]  # name of a table -> field of a batch that indexes it
    split: Callable[[Any], tuple[Rows, Any]]
    join: Callable[[Rows, Any], Any]
    # Entries without penalty, by name of a table; see `LazyRows.init`.
    unpenalized: Mapping[str, Any] = MappingProxyType({})


def dense_trainer(
    loss_fn: Loss,
    tx: optax.GradientTransformation,
    mesh: Mesh,
    *,
    hold: bool = True,
    key: PRNGKeyArray | None = None,
) -> Trainer:
    """Trains all parameters by one transformation, which moves all of them every step.

    Args:
      loss_fn: mean loss of a batch.
      tx: the optimizer; its update is given the parameters.
      mesh: see `data_mesh`; the batch is cut across it.
      hold: whether anchors that `resize` removes stay as they are, with their optimizer
        state. If not, momentum and penalty go on where they are not used.
      key: of a loss that draws random numbers or changes with time; it is then called
        with `key`, another one every step, and with `step`, the steps taken, int32 ().
    """
    tx = hold_inactive(tx) if hold else optax.with_extra_args_support(tx)

    def create(params: Any) -> TrainState:
        return TrainState(jnp.zeros((), jnp.int32), params, tx.init(params), {})

    def step(state: TrainState, batch: Any) -> tuple[TrainState, Array]:
        batch = mesh_lib.shard_batch(batch, mesh)

        def loss_of(params: Any) -> Array:
            return _loss(loss_fn, _in_use(params, state), batch, key, state.step)

        loss, gradients = jax.value_and_grad(loss_of)(state.params)
        return _descend(tx, state, gradients, hold), loss

    def params(state: TrainState) -> Any:
        return _in_use(state.params, state)

    def resize(state: TrainState, anchors: Mapping[str, int]) -> TrainState:
        check_counts(anchors, state.params)
        return state._replace(active=_counts(anchors, mesh))

    return Trainer(create, step, params, resize)


def lazy_trainer(
    loss_fn: Loss,
    tx: optax.GradientTransformation,
    mesh: Mesh,
    tables: Tables,
    *,
    keep_zeros: Sequence[str] = (),
    hold: bool = True,
    key: PRNGKeyArray | None = None,
) -> Trainer:
    """Trains large tables by exact lazy rows, and the rest by a transformation.

    The loss sees ordinary parameters whose tables are as long as a batch, and a batch
    whose ids are renumbered to match: it is the same function as for `dense_trainer`,
    and so are the results.

    Args:
      loss_fn: mean loss of a batch, a NamedTuple.
      tx: the optimizer of what is not a table.
      mesh: see `data_mesh`; every device reads and writes all rows of a batch, and
        computes on its share of it.
      tables: which tables, and how they are optimized. A T whose anchors are to be
        removed must have the name of the path to its `AnchorParams`, as in
        `num_anchors`.
      keep_zeros: names of tables in which an entry that is zero stays zero; see
        `optim.keep_zeros`.
      hold: see `dense_trainer`.
      key: see `dense_trainer`.
    """
    tx = hold_inactive(tx) if hold else optax.with_extra_args_support(tx)

    def create(params: Any) -> TrainState:
        values, rest = tables.split(params)
        state = {
            name: tables.rows[name].init(table, tables.unpenalized.get(name))
            for name, table in values.items()
        }
        return TrainState(jnp.zeros((), jnp.int32), rest, tx.init(rest), state)

    def step(state: TrainState, batch: Any) -> tuple[TrainState, Array]:
        written, pulled, moves = dict(state.tables), {}, moving(state)
        # Tables of the same ids are numbered as the first of them.
        first: dict[str, Any] = {}
        for name, table in state.tables.items():
            field = tables.ids[name]
            written[name], pulled[name] = tables.rows[name].pull(
                table,
                getattr(batch, field),
                like=first.get(field),
                active=moves.get(name),
            )
            first.setdefault(field, pulled[name])
        small = batch._replace(**{field: like.ids for field, like in first.items()})
        small = mesh_lib.shard_batch(small, mesh)

        def loss_of(rows: Rows, rest: Any) -> Array:
            params = _in_use(tables.join(rows, rest), state)
            return _loss(loss_fn, params, small, key, state.step)

        rows = {name: part.rows for name, part in pulled.items()}
        loss, (row_gradients, gradients) = jax.value_and_grad(loss_of, (0, 1))(
            rows, state.params
        )
        for name, gradient in row_gradients.items():
            if name in keep_zeros:
                gradient = where_nonzero(gradient, pulled[name].rows)
            written[name] = tables.rows[name].push(
                written[name], pulled[name], gradient, active=moves.get(name)
            )
        return _descend(tx, state, gradients, hold)._replace(tables=written), loss

    def params(state: TrainState) -> Any:
        moves = moving(state)
        values = {
            name: tables.rows[name].values(table, moves.get(name))
            for name, table in state.tables.items()
        }
        return _in_use(tables.join(values, state.params), state)

    def resize(state: TrainState, anchors: Mapping[str, int]) -> TrainState:
        room = jax.eval_shape(
            lambda state: tables.join(stored(state), state.params), state
        )
        check_counts(anchors, room)
        strays = set(anchors) - set(state.tables) - transforms(state.params)
        if strays:
            raise ValueError(
                f"The transform of table {min(strays)!r} is trained by lazy rows under "
                f"one of the names {sorted(state.tables)}: name it as the table."
            )
        settled, moves = dict(state.tables), moving(state)
        before = {name: int(count) for name, count in (state.active or {}).items()}
        for name, table in state.tables.items():
            # Within the steps that a row waits, the same columns must have moved.
            if hold and before.get(name) != anchors.get(name):
                tables.rows[name].check(table)
                settled[name] = settle[name](table, moves.get(name))
        return state._replace(tables=settled, active=_counts(anchors, mesh))

    def stored(state: TrainState) -> Rows:
        return {
            name: tables.rows[name].values(table)
            for name, table in state.tables.items()
        }

    def moving(state: TrainState) -> Rows:
        """The columns of each table that are not held."""
        if state.active is None or not hold:
            return {}
        return {
            name: columns(state.active[name], table.layout.columns)
            for name, table in state.tables.items()
            if name in state.active
        }

    settle = {
        name: jax.jit(
            rows.settle, donate_argnums=0, out_shardings=mesh_lib.replicated(mesh)
        )
        for name, rows in tables.rows.items()
    }
    return Trainer(create, step, params, resize)


def _loss(
    loss_fn: Loss, params: Any, batch: Any, key: PRNGKeyArray | None, step: Array
) -> Array:
    if key is None:
        return loss_fn(params, batch)
    return loss_fn(params, batch, key=jax.random.fold_in(key, step), step=step)


def _in_use(params: Any, state: TrainState) -> Any:
    return params if state.active is None else _mask(params, state.active)


# Outside of an epoch it is called on whole tables.
_mask = jax.jit(mask_anchors)


def _counts(anchors: Mapping[str, int], mesh: Mesh) -> dict[str, Int[Array, ""]]:
    counts: Any = {name: np.int32(count) for name, count in anchors.items()}
    return mesh_lib.replicate(counts, mesh)


def _descend(
    tx: optax.GradientTransformationExtraArgs,
    state: TrainState,
    gradients: Any,
    hold: bool,
) -> TrainState:
    extra = {"active": state.active} if hold else {}
    updates, opt_state = tx.update(gradients, state.opt_state, state.params, **extra)
    params = jax.tree.map(_add, state.params, updates)
    return state._replace(step=state.step + 1, params=params, opt_state=opt_state)


@elementwise
def _add(p: Array, update: Array) -> Array:
    # As optax.apply_updates, but one loop with the optimizer's own.
    return p + update.astype(p.dtype)
