"""Product quantization: a trained table as a few codes an object."""

import dataclasses
import functools
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, UInt

from ant_jax.clustering.kmeans import kmeans_plus_plus, lloyd
from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.ids import check_ids, locate, take_rows


class ProductQuantizedParams(NamedTuple):
    """Parameters of a `ProductQuantizedEmbedding`.

    Attributes:
      codebooks: float (m, k, d / m).
      codes: unsigned integers (V, m), each in [0, k), which have no gradient.

    Example:
      >>> params = ProductQuantizedParams(
      ...     codebooks=jnp.array([[[1.0], [2.0]], [[3.0], [4.0]]]),
      ...     codes=jnp.array([[0, 1], [1, 0]], jnp.uint8),
      ... )
      >>> emb = ProductQuantizedEmbedding(2, 2, num_groups=2, num_codes=2)
      >>> emb.matrix(params).tolist()
      [[1.0, 4.0], [2.0, 3.0]]
    """

    codebooks: Float[Array, "groups codes group_features"]
    codes: UInt[Array, "vocab groups"]


@dataclasses.dataclass(frozen=True)
class ProductQuantizedEmbedding:
    """Vectors in m pieces, each of them one of the k entries of its codebook.

    Jégou, Douze and Schmid, *Product quantization for nearest neighbor search*, IEEE
    TPAMI 2011: m codes of log2 k bits address k^m vectors. `product_quantize` makes it
    from a trained table.

    Codes are integers, which `jax.grad` refuses to differentiate. To train the
    codebooks further, differentiate with respect to them alone: `jax.grad(lambda
    codebooks: loss(params._replace(codebooks=codebooks)))(params.codebooks)`.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector, a multiple of m.
      num_groups: number m of pieces of a vector.
      num_codes: number k of entries of a codebook.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the codebooks.
      codebooks_init: initializer of the codebooks, called with (key, (m k, d / m),
        param_dtype).

    Raises:
      ValueError: a size is not a positive integer, or m does not divide d.

    Example:
      >>> emb = ProductQuantizedEmbedding(1000, 16, num_groups=4, num_codes=8)
      >>> emb.num_params(emb.init(jax.random.key(0)))
      128
    """

    method: ClassVar[str] = "product_quantization"

    num_embeddings: int
    features: int
    num_groups: int
    num_codes: int
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    codebooks_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(
            num_embeddings=self.num_embeddings,
            features=self.features,
            num_groups=self.num_groups,
            num_codes=self.num_codes,
        )
        if self.features % self.num_groups:
            raise ValueError(
                f"num_groups must divide the {self.features} features, got "
                f"{self.num_groups}."
            )

    def init(self, key: PRNGKeyArray) -> ProductQuantizedParams:
        """Draws codebooks (m, k, d / m), uniform codes (V, m). See `Embedding.init`."""
        codebooks_key, codes_key = jax.random.split(key)
        groups, codes = self.num_groups, self.num_codes
        shape = groups * codes, self.features // groups
        codebooks = self.codebooks_init(codebooks_key, shape, self.param_dtype)
        drawn = jax.random.randint(codes_key, (self.num_embeddings, groups), 0, codes)
        return ProductQuantizedParams(
            codebooks=codebooks.reshape(groups, codes, -1),
            codes=drawn.astype(_code_dtype(codes)),
        )

    def lookup(
        self, params: ProductQuantizedParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids: codebook entries, concatenated. See `Embedding.lookup`."""
        objects, inside = locate(check_ids(ids), self.num_embeddings)
        codes = params.codes[objects].astype(jnp.int32)
        # The codebooks stacked into one table; an index past the last row gives NaN.
        table = params.codebooks.reshape(self.num_groups * self.num_codes, -1)
        firsts = self.num_codes * jnp.arange(self.num_groups, dtype=jnp.int32)
        rows = codes + jnp.broadcast_to(firsts, codes.shape)
        rows = jnp.where(inside[..., None], rows, len(table))
        pieces = base.cast(take_rows(table, rows), self.dtype)
        return pieces.reshape(*objects.shape, self.features)

    def attend(
        self, params: ProductQuantizedParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`.

        Queries are scored against the codebooks, and each object sums its m scores.
        """
        dtype = base.score_dtype(self.dtype, h, params.codebooks)
        pieces = jnp.split(h.astype(dtype), self.num_groups, axis=-1)
        columns = params.codes.T.astype(jnp.int32)
        return functools.reduce(
            jnp.add,
            (
                (piece @ codebook.T)[..., codes]
                for piece, codebook, codes in zip(
                    pieces, params.codebooks.astype(dtype), columns, strict=True
                )
            ),
        )

    def matrix(self, params: ProductQuantizedParams) -> Float[Array, "vocab features"]:
        """The whole table, (V, d). See `Embedding.matrix`."""
        return self.lookup(params, jnp.arange(self.num_embeddings, dtype=jnp.int32))

    def num_params(self, params: ProductQuantizedParams) -> int:
        """Counts k d, the codebooks; codes are indices. See `Embedding.num_params`."""
        return params.codebooks.size


def product_quantize(
    table: npt.ArrayLike,
    num_groups: int,
    num_codes: int,
    *,
    seed: int = 0,
    num_iterations: int = 25,
) -> tuple[ProductQuantizedEmbedding, ProductQuantizedParams]:
    """Quantizes a trained table: k-means on each of the m pieces of its vectors.

    Args:
      table: trained or pretrained vectors, float (V, d), all finite.
      num_groups: number m of pieces, a divisor of d.
      num_codes: number k of entries of a codebook, at most V.
      seed: non-negative integer for the draws of k-means++.
      num_iterations: iterations of k-means after its k-means++ start.

    Returns:
      The description and its parameters.

    Raises:
      ValueError: the shape of the table or a size is wrong, or an entry is not finite.

    Example:
      >>> table = np.array([[0.0, 1.0], [5.0, 1.0], [5.0, 2.0], [0.0, 2.0]])
      >>> emb, params = product_quantize(table, num_groups=2, num_codes=2)
      >>> emb.matrix(params).tolist()
      [[0.0, 1.0], [5.0, 1.0], [5.0, 2.0], [0.0, 2.0]]
    """
    array = base.check_table(table)
    vocab, features = array.shape
    emb = ProductQuantizedEmbedding(
        vocab, features, num_groups, num_codes, param_dtype=array.dtype
    )
    if num_codes > vocab:
        raise ValueError(
            f"num_codes must be at most {vocab}, the number of objects, got "
            f"{num_codes}."
        )
    centers, labels = [], []
    keys = jax.random.split(jax.random.key(seed), num_groups)
    for key, piece in zip(keys, np.split(array, num_groups, axis=1), strict=True):
        first = piece[np.asarray(kmeans_plus_plus(key, piece, num_codes))]
        found, label = lloyd(piece, first, num_iterations)
        centers.append(found)
        labels.append(label)
    return emb, ProductQuantizedParams(
        codebooks=jnp.stack(centers).astype(array.dtype),
        codes=jnp.stack(labels, axis=1).astype(_code_dtype(num_codes)),
    )


def _code_dtype(num_codes: int) -> np.dtype[Any]:
    return np.dtype(np.min_scalar_type(num_codes - 1))
