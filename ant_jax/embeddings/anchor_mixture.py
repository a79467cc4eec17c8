"""Several sets of anchors of different origin and size, each with its own transform."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.dtypes import accumulator
from ant_jax.embeddings import base
from ant_jax.embeddings.anchor import AnchorParams
from ant_jax.embeddings.initializers import default_full, half_normal
from ant_jax.ops.combine import combine
from ant_jax.ops.ids import check_ids, locate, take_rows
from ant_jax.ops.score import score
from ant_jax.params import register_params

# If all entries were near zero, every object would start as the mean of the anchors.
default_transform = half_normal(1.0)


class MixturePart(AnchorParams):
    """One set of anchors of an `AnchorMixtureEmbedding`.

    Attributes:
      anchors: A_m, float (K_m, d).
      transform: T_m, float (V, K_m).

    Example:
      >>> part = MixturePart(anchors=jnp.ones((3, 2)), transform=jnp.zeros((5, 3)))
      >>> part.anchors.size + int(jnp.count_nonzero(part.transform))
      6
    """

    __slots__ = ()


register_params(MixturePart, "mixture")


class AnchorMixtureParams(NamedTuple):
    """Parameters of an `AnchorMixtureEmbedding`.

    Attributes:
      parts: the M sets of anchors.

    Example:
      >>> one = MixturePart(jnp.array([[1.0, 0.0]]), jnp.array([[2.0], [0.0]]))
      >>> two = MixturePart(jnp.array([[0.0, 4.0]]), jnp.array([[1.0], [1.0]]))
      >>> emb = AnchorMixtureEmbedding(2, 2, num_anchors=(1, 1))
      >>> emb.matrix(AnchorMixtureParams((one, two))).tolist()
      [[1.0, 4.0], [0.0, 4.0]]
    """

    parts: tuple[MixturePart, ...]


@dataclasses.dataclass(frozen=True)
class AnchorMixtureEmbedding:
    """V objects as mixtures of M sets of anchors, `E = Σ_m softmax(T_m) A_m`.

    The mixture of anchors of Liang et al., *Anchor & Transform*, ICLR 2021: sets of
    anchors that were chosen in different ways (frequent objects, cluster centers,
    random vectors), from each of which every object selects its own. The softmax of a
    row of T_m runs over its non-zero entries; zeros stay zeros, and a row without
    entries contributes nothing. An entry is thus a logit, whose weight depends on the
    other entries of its row: it keeps some weight until it has become exactly zero. No
    gradient reaches an entry that is zero.

    T_m is trained by a proximal optimizer and labelled like that of an
    `AnchorEmbedding`. It is shipped as one sparse transform of all K_1 + ... + K_M
    anchors.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_anchors: number K_m of anchors in each set.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of all A_m and T_m, and of the softmax of a row.
      anchors_init: initializer of A_m, called with (key, (K_m, d), param_dtype): one
        for all sets, or a tuple with one for each.
      transform_init: initializer of T_m, called with (key, (V, K_m), param_dtype).

    Raises:
      ValueError: a size is not a positive integer, there is no set, or the number of
        initializers is not the number of sets.

    Example:
      >>> import jax
      >>> from ant_jax.embeddings import signed_basis
      >>> emb = AnchorMixtureEmbedding(
      ...     num_embeddings=1000,
      ...     features=16,
      ...     num_anchors=(8, 4),
      ...     anchors_init=(signed_basis, jax.nn.initializers.normal()),
      ... )
      >>> params = emb.init(jax.random.key(0))
      >>> emb.lookup(params, jax.numpy.array([[1, 2, 3]])).shape
      (1, 3, 16)
    """

    method: ClassVar[str] = "anchor_mixture"

    num_embeddings: int
    features: int
    num_anchors: tuple[int, ...]
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    anchors_init: Initializer | tuple[Initializer, ...] = default_full
    transform_init: Initializer = default_transform

    def __post_init__(self) -> None:
        base.check_sizes(num_embeddings=self.num_embeddings, features=self.features)
        if not isinstance(self.num_anchors, tuple) or not self.num_anchors:
            raise ValueError(
                "num_anchors must be a tuple with the size of each set of anchors, got "
                f"{self.num_anchors!r}."
            )
        for i, size in enumerate(self.num_anchors):
            base.check_sizes(**{f"num_anchors[{i}]": size})
        inits, sets = self.anchors_init, len(self.num_anchors)
        if isinstance(inits, tuple) and len(inits) != sets:
            raise ValueError(
                f"anchors_init must be one initializer, or one for each of the {sets} "
                f"sets of anchors, got {len(inits)}."
            )

    def init(self, key: PRNGKeyArray) -> AnchorMixtureParams:
        """Draws A_m (K_m, d) and T_m (V, K_m) of every set. See `Embedding.init`."""
        inits = self.anchors_init
        if not isinstance(inits, tuple):
            inits = (inits,) * len(self.num_anchors)
        parts = []
        for i, (size, init) in enumerate(zip(self.num_anchors, inits, strict=True)):
            anchors_key, transform_key = jax.random.split(jax.random.fold_in(key, i))
            shape = (self.num_embeddings, size)
            parts.append(
                MixturePart(
                    init(anchors_key, (size, self.features), self.param_dtype),
                    self.transform_init(transform_key, shape, self.param_dtype),
                )
            )
        return AnchorMixtureParams(tuple(parts))

    def lookup(
        self, params: AnchorMixtureParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids: `Σ_m softmax(T_m[ids]) A_m`. See `Embedding.lookup`.

        On a CPU, vectors equal those of the saved table up to the rounding of the
        softmax, whose last bits may depend on the batch.
        """
        return combine(self.coefficients(params, ids), self.basis(params))

    def coefficients(
        self, params: AnchorMixtureParams, ids: ArrayLike
    ) -> Float[Array, "... anchors"]:
        """`softmax(T_m[ids])` of all sets, (..., K_1 + ... + K_M). See `Factored`."""
        # Not rows of NaN: XLA's exponential may turn them into numbers. And a batch of
        # lazy rows has fewer rows than V.
        size = params.parts[0].transform.shape[0]
        objects, inside = locate(check_ids(ids), size)
        rows = [take_rows(part.transform, objects) for part in params.parts]
        weights = jnp.concatenate([sparse_softmax(row) for row in rows], axis=-1)
        weights = jnp.where(inside[..., None], weights, jnp.nan)
        return base.cast(weights, self.dtype)

    def basis(self, params: AnchorMixtureParams) -> Float[Array, "anchors features"]:
        """The anchors of all sets, (K_1 + ... + K_M, d). See `Factored.basis`."""
        anchors = jnp.concatenate([part.anchors for part in params.parts])
        return base.cast(anchors, self.dtype)

    def attend(
        self, params: AnchorMixtureParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`."""
        dtype = base.score_dtype(self.dtype, h, params.parts[0].anchors)
        factors = self.basis(params), self._weights(params)
        return score(h.astype(dtype), *(factor.astype(dtype) for factor in factors))

    def matrix(self, params: AnchorMixtureParams) -> Float[Array, "vocab features"]:
        """The whole table, (V, d), as one product. See `Embedding.matrix`."""
        return self._weights(params) @ self.basis(params)

    def num_params(self, params: AnchorMixtureParams) -> int:
        """`Σ_m K_m d + nnz(T_m)`, the non-zeros. See `Embedding.num_params`."""
        return sum(
            part.anchors.size + int(jnp.count_nonzero(part.transform))
            for part in params.parts
        )

    def _weights(self, params: AnchorMixtureParams) -> Float[Array, "vocab anchors"]:
        return self.coefficients(params, jnp.arange(self.num_embeddings))


def sparse_softmax(rows: Float[Array, "... anchors"]) -> Float[Array, "... anchors"]:
    """The softmax over the non-zero entries of each row; zeros stay zeros.

    Args:
      rows: float (..., K).

    Returns:
      Array of the shape and dtype of `rows`; a row sums to 1, or is zero if it has no
      entries.

    Example:
      >>> sparse_softmax(jnp.array([[0.0, 2.0, 2.0], [0.0, 0.0, 0.0]])).tolist()
      [[0.0, 0.5, 0.5], [0.0, 0.0, 0.0]]
    """
    wide = rows.astype(accumulator(rows.dtype))
    return jax.nn.softmax(wide, axis=-1, where=rows != 0).astype(rows.dtype)
