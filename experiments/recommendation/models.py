"""Matrix factorization over any pair of embeddings."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

import ant_jax as ant
from ant_jax.embeddings import inner_products, project_rows


class MatrixFactorizationParams(NamedTuple):
    """Parameters of `MatrixFactorization`."""

    users: Any  # of the user embedding
    items: Any  # of the item embedding
    bias: Float[Array, ""]


@dataclasses.dataclass(frozen=True)
class MatrixFactorization:
    """A rating is `e_user . e_item + bias`.

    Attributes:
      users: embedding of the users.
      items: embedding of the items, of the same number of features.
      biases: whether the last feature of a vector is the bias of its user or item,
        which is added and takes no part in the product. In a table that is a number an
        object; anchors have biases, which their objects share as they share the rest.
    """

    users: ant.Embedding
    items: ant.Embedding
    biases: bool = False

    def init(self, key: PRNGKeyArray, bias: float = 0.0) -> MatrixFactorizationParams:
        """Fresh parameters; `bias` is where the global bias starts."""
        user_key, item_key = jax.random.split(key)
        return MatrixFactorizationParams(
            self.users.init(user_key),
            self.items.init(item_key),
            jnp.asarray(bias, jnp.float32),
        )

    def predict(
        self,
        params: MatrixFactorizationParams,
        users: Int[Array, " batch"],
        items: Int[Array, " batch"],
    ) -> Float[Array, " batch"]:
        """Predicted ratings of pairs: int (B,), int (B,) -> float (B,)."""
        return self._scores(params, users, items) + params.bias

    def _scores(
        self, params: MatrixFactorizationParams, users: Array, items: Array
    ) -> Float[Array, " batch"]:
        first, second = params.users, params.items
        if _folds(self.users, self.items):
            return self._folded(first, users, second, items)
        left, left_bias = self._parted(self.users.lookup(first, users))
        right, right_bias = self._parted(self.items.lookup(second, items))
        products = inner_products(left, right)
        return products + left_bias + right_bias if self.biases else products

    def _folded(
        self,
        first: ant.AnchorParams,
        users: Array,
        second: ant.AnchorParams,
        items: Array,
    ) -> Float[Array, " batch"]:
        """t_user (A_users A_items^T) t_item, the small matrices first, and biases."""
        if not self.biases:
            small = first.anchors @ second.anchors.T
            rows = project_rows(first.transform, users, small)
            return inner_products(rows, second.transform[items])
        left, left_bias = self._parted(first.anchors)
        right, right_bias = self._parted(second.anchors)
        small = jnp.concatenate([left @ right.T, left_bias[:, None]], axis=1)
        rows = project_rows(first.transform, users, small)
        products = inner_products(
            rows[:, :-1] + right_bias[None], second.transform[items]
        )
        return products + rows[:, -1]

    def _parted(self, vectors: Float[Array, "rows features"]) -> tuple[Array, Array]:
        """Vectors and biases."""
        if not self.biases:
            return vectors, jnp.zeros(len(vectors))
        return vectors[:, :-1], vectors[:, -1]

    def squared_error(
        self, params: MatrixFactorizationParams, batch: Any
    ) -> Float[Array, " batch"]:
        """Squared errors of a batch of ratings: float (B,)."""
        predicted = self.predict(params, batch.users, batch.items)
        return jnp.square(predicted - batch.ratings)

    def num_params(self, params: MatrixFactorizationParams) -> int:
        """Embedding parameters of both tables, biases of users and items included."""
        users = self.users.num_params(params.users)
        return users + self.items.num_params(params.items)

    def non_zeros(self, params: MatrixFactorizationParams) -> list[int]:
        """Non-zeros of the transform of each table that has one."""
        tables = (params.users, params.items)
        transforms = [t.transform for t in tables if isinstance(t, ant.AnchorParams)]
        return [int(jnp.count_nonzero(transform)) for transform in transforms]


def _folds(users: ant.Embedding, items: ant.Embedding) -> bool:
    """Whether the product of the anchors saves multiplications."""
    return (
        isinstance(users, ant.AnchorEmbedding)
        and isinstance(items, ant.AnchorEmbedding)
        and users.num_anchors * items.num_anchors
        < users.features * (users.num_anchors + items.num_anchors)
    )


# The field that has a row for every object, of tables that lazy rows can train.
_TABLE_OF = {ant.AnchorParams: "transform", ant.FullParams: "embedding"}


def split_tables(
    params: MatrixFactorizationParams,
) -> tuple[dict[str, Array], MatrixFactorizationParams]:
    """Takes out what has a row for every user or item, as matrices by name."""
    tables, rest = {}, {}
    for name in ("users", "items"):
        embedding = getattr(params, name)
        field = _TABLE_OF[type(embedding)]
        tables[name] = getattr(embedding, field)
        rest[name] = embedding._replace(**{field: None})
    return tables, params._replace(**rest)


def join_tables(
    tables: dict[str, Array], rest: MatrixFactorizationParams
) -> MatrixFactorizationParams:
    """Puts tables back where `split_tables` took them from."""
    whole: dict[str, Any] = {}
    for name, table in tables.items():
        embedding = getattr(rest, name)
        whole[name] = embedding._replace(**{_TABLE_OF[type(embedding)]: table})
    return rest._replace(**whole)
