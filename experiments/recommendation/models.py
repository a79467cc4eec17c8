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
    user_bias: Float[Array, " users"] | None = None
    item_bias: Float[Array, " items"] | None = None


@dataclasses.dataclass(frozen=True)
class MatrixFactorization:
    """A rating is `e_user . e_item + bias`, plus a bias each where asked for.

    Attributes:
      users: embedding of the users.
      items: embedding of the items, of the same number of features.
      biases: whether every user and every item has a bias of its own.
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
            jnp.zeros(self.users.num_embeddings) if self.biases else None,
            jnp.zeros(self.items.num_embeddings) if self.biases else None,
        )

    def predict(
        self,
        params: MatrixFactorizationParams,
        users: Int[Array, " batch"],
        items: Int[Array, " batch"],
    ) -> Float[Array, " batch"]:
        """Predicted ratings of pairs: int (B,), int (B,) -> float (B,)."""
        rating = self._products(params, users, items) + params.bias
        if params.user_bias is not None and params.item_bias is not None:
            rating += params.user_bias[users] + params.item_bias[items]
        return rating

    def _products(
        self, params: MatrixFactorizationParams, users: Array, items: Array
    ) -> Float[Array, " batch"]:
        first, second = params.users, params.items
        if _folds(self.users, self.items):
            # e_user . e_item = t_user (A_users A_items^T) t_item: small matrices first.
            small = first.anchors @ second.anchors.T
            rows = project_rows(first.transform, users, small)
            return inner_products(rows, second.transform[items])
        user_vectors = self.users.lookup(first, users)
        item_vectors = self.items.lookup(second, items)
        return inner_products(user_vectors, item_vectors)

    def squared_error(
        self, params: MatrixFactorizationParams, batch: Any
    ) -> Float[Array, " batch"]:
        """Squared errors of a batch of ratings: float (B,)."""
        predicted = self.predict(params, batch.users, batch.items)
        return jnp.square(predicted - batch.ratings)

    def num_params(self, params: MatrixFactorizationParams) -> int:
        """Embedding parameters of both tables, and the biases of users and items."""
        count = self.users.num_params(params.users)
        count += self.items.num_params(params.items)
        for bias in (params.user_bias, params.item_bias):
            count += 0 if bias is None else bias.size
        return count

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


# The field that has a row for every object.
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
    for name in ("user_bias", "item_bias"):
        bias = getattr(params, name)
        if bias is not None:
            tables[name] = bias[:, None]
            rest[name] = None
    return tables, params._replace(**rest)


def join_tables(
    tables: dict[str, Array], rest: MatrixFactorizationParams
) -> MatrixFactorizationParams:
    """Puts tables back where `split_tables` took them from."""
    whole: dict[str, Any] = {}
    for name, table in tables.items():
        if name.endswith("_bias"):
            whole[name] = table[:, 0]
        else:
            embedding = getattr(rest, name)
            whole[name] = embedding._replace(**{_TABLE_OF[type(embedding)]: table})
    return rest._replace(**whole)
