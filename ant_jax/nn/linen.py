"""Embedding layers for Flax Linen: `Embed` over any description, and `AnchorEmbed`."""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings import AnchorEmbedding
from ant_jax.embeddings.base import takes_noise
from ant_jax.embeddings.initializers import default_half_normal
from ant_jax.nn import fields as fields_lib
from ant_jax.ops.combine import combine
from ant_jax.ops.ids import check_ids, take_rows
from ant_jax.ops.score import score

CODES = "codes"
"""The collection of integers, which no optimizer is to see."""


class Layer(nn.Module):
    """What a layer does once it has a description."""

    if TYPE_CHECKING:

        @property
        def description(self) -> Any:
            """What to embed how."""

        @property
        def rng_collection(self) -> Any:
            """Name of the stream of noise, where there may be noise."""

    @property
    def params(self) -> Any:
        """The parameters of a bound layer as the functions of `description` take them.

        For a method with a term of its own in the loss: inside of a model,
        `self.embed.description.kl(self.embed.params)`.

        Raises:
          ValueError: the layer is not bound.
        """
        if self.scope is None:
            raise ValueError(
                f"{type(self).__name__} of Linen holds no parameters unless it is "
                "bound: pass its variables, or layer.params_of(variables)."
            )
        fields = _fields_of(self.description)
        names = fields_lib.by_name(fields, fields)
        return fields_lib.from_names(fields, {n: getattr(self, n) for n in names})

    @nn.nowrap
    def params_of(self, variables: Mapping[str, Any]) -> Any:
        """The parameters as the functions of `description` take them.

        Args:
          variables: those of this layer alone, `{"params": {...}}` with its other
            collections if it has any, or what is in them.

        Returns:
          The named tuple that `description.init` returns, arrays unboxed.

        Raises:
          ValueError: a parameter is missing, or has another shape.

        Example:
          >>> import jax
          >>> layer = AnchorEmbed(num_embeddings=5, features=4, num_anchors=3)
          >>> variables = layer.init(jax.random.key(0), 0)
          >>> layer.params_of(variables).transform.shape
          (5, 3)
        """
        tree = dict(nn.meta.unbox(variables))
        if "params" in tree:
            tree = {**tree["params"], **tree.get(CODES, {})}
        return fields_lib.from_names(_fields_of(self.description), tree)

    def setup(self) -> None:
        """Makes the parameters."""
        fields_lib.check_description(self.description)
        fields = _fields_of(self.description)
        for name, inner in fields_lib.by_name(fields, fields).items():
            initial = functools.partial(self._initial, name)
            if all(field.trained for field in jax.tree.leaves(inner)):
                value = self.param(name, initial)
            else:
                value = self._codes(name, initial)
            setattr(self, name, value)

    def __call__(
        self,
        inputs: ArrayLike,
        deterministic: bool | None = None,
        rng: PRNGKeyArray | None = None,
        **options: Any,
    ) -> Float[Array, "... features"]:
        """Embeds ids.

        Args:
          inputs: integers of any shape (...), each in [0, V).
          deterministic: whether to embed without noise, if the attribute does not say.
          rng: key of the noise, in place of one of the layer's own stream.
          **options: further arguments of the description's `lookup`, such as the
            `temperature` of clusters.

        Returns:
          Vectors of shape (..., d), see the description's `lookup`.

        Raises:
          ValueError: inputs are not of an integer type, nobody says whether there is to
            be noise, or there is none and it is asked for.
        """
        ids = check_ids(inputs)
        key = self._key(deterministic, rng)
        if key is not None:
            options["key"] = key
        return self._lookup(ids, options)

    def attend(self, query: Float[Array, "... features"]) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every object: logits (..., V), no noise."""
        logits: Array = self.description.attend(self.params, query)
        return logits

    @nn.nowrap
    def _lookup(self, ids: Array, options: dict[str, Any]) -> Array:
        vectors: Array = self.description.lookup(self.params, ids, **options)
        return vectors

    @nn.nowrap
    def _initial(self, name: str, key: PRNGKeyArray) -> Any:
        """The first value of what is called so."""
        # All of them are drawn each time; under jit those of other names are not.
        params = self.description.init(key)
        return fields_lib.by_name(_fields_of(self.description), params)[name]

    @nn.nowrap
    def _codes(self, name: str, initial: Callable[[Any], Any]) -> Any:
        if not self.is_initializing() and not self.has_variable(CODES, name):
            raise ValueError(
                f"The variables lack the collection {CODES!r}, which holds the "
                f"integers of {type(self.description).__name__}: apply the layer to "
                f'{{"params": ..., "{CODES}": ...}}.'
            )
        variable = self.variable(CODES, name, lambda: initial(self.make_rng("params")))
        return nn.meta.unbox(variable.value)

    @nn.nowrap
    def _key(self, deterministic: bool | None, rng: Any) -> Any:
        """The key of the noise; None where there is to be none."""
        own = getattr(self, "deterministic", None)
        if not takes_noise(self.description):
            if any(x is not None for x in (own, deterministic, rng)):
                raise ValueError(
                    f"{type(self.description).__name__} draws no noise: it takes "
                    "neither deterministic nor rng."
                )
            return None
        if nn.merge_param("deterministic", own, deterministic):
            return None
        return self.make_rng(self.rng_collection) if rng is None else rng


class Embed(Layer):
    """Any embedding of `ant_jax.embeddings` as a layer.

    Its parameters are named as the fields of the description's, and nested as they are:
    `{"clusters": {"logits": ..., "embedding": ...}, "adjustment": ...}`. Entries that a
    proximal optimizer makes sparse go by the names of `transform`, `mixture_transform`
    (those of a mixture) and `sparse_embedding` (those of a table without anchors), so
    that they are told apart. Integers are in the collection `codes`.

    Embeddings that draw noise, such as a `ClusterEmbedding`, do it as `nn.Dropout`
    does: they are told whether to by `deterministic`, here or in the call, and take
    keys from `rngs={"noise": key}`. Initializers may return boxes, such as those of
    `nn.with_partitioning`, where a parameter is what one of them returns.

    Attributes:
      description: the embedding, such as an `AnchorEmbedding`.
      deterministic: whether to embed without noise; None leaves it to each call.
      rng_collection: name of the stream of noise.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from ant_jax.embeddings import ClusterEmbedding
      >>> layer = Embed(ClusterEmbedding(1000, 16, num_clusters=10))
      >>> ids = jnp.array([[1, 2, 3]])
      >>> variables = layer.init(jax.random.key(0), ids, deterministic=True)
      >>> rngs = {"noise": jax.random.key(1)}
      >>> layer.apply(variables, ids, deterministic=False, rngs=rngs).shape
      (1, 3, 16)

      What the functions of the description take:

      >>> layer.description.num_params(layer.params_of(variables))
      160
    """

    description: Any
    deterministic: bool | None = None
    rng_collection: str = "noise"


class AnchorEmbed(Layer):
    """Anchor & Transform where `nn.Embed` stood: the same arguments and K.

    Its parameters are `anchors` (K, d) and `transform` (V, K); `ant_jax.param_labels`
    tells an optimizer which is which. The numerics are those of `AnchorEmbedding`.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_anchors: number K of anchors.
      dtype: dtype of the vectors and logits; None keeps the parameters'.
      param_dtype: dtype passed to the initializers.
      anchors_init: initializer of A, shape (K, d). `nn.with_partitioning` may wrap it
        to give its sharding.
      transform_init: initializer of T, shape (V, K); it may be wrapped as well.
      promote_dtype: brings arrays to one dtype. It is called with the rows of T and
        with A in `__call__`, with the query, A and T in `attend`, and with `dtype`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> layer = AnchorEmbed(num_embeddings=1000, features=16, num_anchors=8)
      >>> ids = jnp.array([[1, 2, 3]])
      >>> variables = layer.init(jax.random.key(0), ids)
      >>> layer.apply(variables, ids).shape
      (1, 3, 16)

      What the functions of the description take:

      >>> layer.description.num_params(layer.params_of(variables))
      8128
    """

    num_embeddings: int
    features: int
    num_anchors: int
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    anchors_init: Initializer = default_half_normal
    transform_init: Initializer = default_half_normal
    promote_dtype: Callable[..., Any] = promote_dtype

    @property
    def description(self) -> AnchorEmbedding:
        """The same embedding as pure functions; needs no bound parameters."""
        return AnchorEmbedding(
            num_embeddings=self.num_embeddings,
            features=self.features,
            num_anchors=self.num_anchors,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            anchors_init=self.anchors_init,
            transform_init=self.transform_init,
        )

    def attend(self, query: Float[Array, "... features"]) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every object: logits (..., V)."""
        return score(*self.promote_dtype(query, *self.params, dtype=self.dtype))

    @nn.nowrap
    def _lookup(self, ids: Array, options: dict[str, Any]) -> Array:
        if options:
            raise TypeError(f"Unknown arguments of AnchorEmbed: {', '.join(options)}.")
        # Rows are promoted, not T: it is V long, and its gradient is summed unrounded.
        rows, anchors = self.promote_dtype(
            take_rows(self.params.transform, ids),
            self.params.anchors,
            dtype=self.dtype,
            inexact=False,
        )
        return combine(rows, anchors)

    @nn.nowrap
    def _initial(self, name: str, key: PRNGKeyArray) -> Any:
        if name == "anchors":
            shape = self.num_anchors, self.features
            return self.anchors_init(key, shape, self.param_dtype)
        shape = self.num_embeddings, self.num_anchors
        return self.transform_init(key, shape, self.param_dtype)


@functools.lru_cache(maxsize=64)
def _fields_of(description: Any) -> Any:
    """The fields of the parameters of a description, of which nothing is drawn."""
    params = jax.eval_shape(lambda: description.init(jax.random.key(0)))
    return fields_lib.fields_of(nn.meta.unbox(params))
