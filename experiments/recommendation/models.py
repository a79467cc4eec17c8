"""Matrix factorization over any pair of embeddings."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

import ant_jax as ant
from ant_jax.embeddings import inner_products, project_rows
from experiments.runner.noise import lookup_noise


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
        *,
        key: PRNGKeyArray | None = None,
        temperature: Any = None,
    ) -> Float[Array, " batch"]:
        """Predicted ratings of pairs: int (B,), int (B,) -> float (B,).

        Args:
          params: parameters of both tables.
          users: ids.
          items: ids.
          key: for the noise of methods that are trained with it; None to predict with
            the tables that are shipped.
          temperature: of clusters; None for that of the embeddings' descriptions.
        """
        noise: list[dict[str, Any]] = [{}, {}]
        if key is not None:
            pairs = zip((self.users, self.items), jax.random.split(key), strict=True)
            noise = [lookup_noise(table, k, temperature) for table, k in pairs]
        return self._scores(params, users, items, *noise) + params.bias

    def _scores(
        self,
        params: MatrixFactorizationParams,
        users: Array,
        items: Array,
        user_noise: dict[str, Any],
        item_noise: dict[str, Any],
    ) -> Float[Array, " batch"]:
        first, second = params.users, params.items
        if _folds(self.users, self.items):
            return self._folded(first, users, second, items)
        tables: Any = self  # only some lookups take noise
        left, left_bias = self._parted(tables.users.lookup(first, users, **user_noise))
        right, right_bias = self._parted(
            tables.items.lookup(second, items, **item_noise)
        )
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
        self, params: MatrixFactorizationParams, batch: Any, **noise: Any
    ) -> Float[Array, " batch"]:
        """Squared errors of a batch of ratings: float (B,); noise as in `predict`."""
        predicted = self.predict(params, batch.users, batch.items, **noise)
        return jnp.square(predicted - batch.ratings)

    def num_params(self, params: MatrixFactorizationParams) -> int:
        """Embedding parameters of both tables, biases of users and items included."""
        users = self.users.num_params(params.users)
        return users + self.items.num_params(params.items)


def _folds(users: ant.Embedding, items: ant.Embedding) -> bool:
    """Whether the product of the anchors saves multiplications."""
    return (
        isinstance(users, ant.AnchorEmbedding)
        and isinstance(items, ant.AnchorEmbedding)
        and users.num_anchors * items.num_anchors
        < users.features * (users.num_anchors + items.num_anchors)
    )
