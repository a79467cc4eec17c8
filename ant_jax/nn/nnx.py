"""Embedding layers for Flax NNX: `Embed` over any description, and `AnchorEmbed`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.nnx.nn.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from ant_jax.embeddings import AnchorEmbedding
from ant_jax.embeddings.base import takes_noise
from ant_jax.embeddings.initializers import default_half_normal
from ant_jax.nn import fields as fields_lib
from ant_jax.ops.combine import combine
from ant_jax.ops.ids import check_ids, take_rows
from ant_jax.ops.score import score
from ant_jax.params import Kind, register_variable


class Transform(nnx.Param):
    """The type of T, so that filters can tell it from other parameters.

    `nnx.bridge.to_linen` gives each type of variables a collection of its own, so T is
    in `Transform` there and not in `params`.
    """


class MixtureTransform(Transform):
    """The type of a T_m of an `AnchorMixtureEmbedding`, whose rows go to a softmax."""


class SparseTable(Transform):
    """The type of the E of a `SparseEmbedding`, which has no anchors."""


class Codes(nnx.Variable[Any]):
    """The type of integers, such as those of a `ProductQuantizedEmbedding`.

    It is no `nnx.Param`, so that `nnx.grad` and optimizers pass them over.
    """


_SPARSE: dict[Kind, type[Transform]] = {
    "anchor": Transform,
    "mixture": MixtureTransform,
    "sparse": SparseTable,
}
for _kind, _type in _SPARSE.items():
    register_variable(_type, _kind)


class Group(nnx.Module):
    """Variables of one part of a layer's parameters, such as its clusters."""


class Embed(nnx.Module):
    """Any embedding of `ant_jax.embeddings` as a layer.

    Its variables are named as the fields of the description's parameters, and nested as
    they are: `layer.clusters.logits`, `layer.parts[0].anchors`. Entries that a proximal
    optimizer makes sparse are of type `Transform`; those of a mixture go by the name of
    `mixture_transform` and those of a sparse table by `sparse_embedding`, so that they
    are told apart in a tree of bare arrays too. Integers are `Codes`, all others
    `nnx.Param`.

    Embeddings that draw noise, such as a `ClusterEmbedding`, do it as `nnx.Dropout`
    does: `model.train()` turns it on and `model.eval()` off.

    Args:
      description: the embedding, such as an `AnchorEmbedding`.
      rngs: source of the first parameters, stream `params`, and of noise, stream
        `rng_collection`. Without that stream or a default one, `rngs` must be given to
        every call that draws noise.
      deterministic: whether to embed without noise; None leaves it to each call.
      rng_collection: name of the stream of noise.
      metadata: of variables by their names, such as their sharding:
        `{"clusters.logits": {"out_sharding": ("model", None)}}`.

    Attributes:
      description: the description.
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      dtype: dtype of the vectors and logits: that of the description, or of the
        parameters where it has none.
      param_dtype: dtype that the parameters were made in.
      deterministic: see above; only where there is noise.

    Raises:
      ValueError: description is no embedding, or metadata names no variable.

    Example:
      >>> import jax.numpy as jnp
      >>> from ant_jax.embeddings import ClusterEmbedding
      >>> description = ClusterEmbedding(1000, 16, num_clusters=10)
      >>> layer = Embed(description, rngs=nnx.Rngs(0))
      >>> layer(jnp.array([[1, 2, 3]])).shape  # with noise
      (1, 3, 16)
      >>> layer.eval()
      >>> bool((layer(7) == layer(7)).all())
      True

      What the functions of the description take:

      >>> description.num_params(layer.params)
      160
    """

    def __init__(
        self,
        description: Any,
        *,
        rngs: nnx.Rngs,
        deterministic: bool | None = False,
        rng_collection: str = "noise",
        metadata: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        fields_lib.check_description(description)
        params = description.init(rngs.params())
        fields = fields_lib.fields_of(params)
        found = jax.tree.leaves(fields)
        names = [field.name for field in found]
        if unknown := sorted(set(metadata) - set(names)):
            raise ValueError(
                f"There is metadata for {unknown[0]!r}, but the variables are "
                f"{', '.join(map(repr, names))}."
            )

        def variable(field: fields_lib.Field, value: Array) -> Any:
            kind: type[Any] = nnx.Param if field.trained else Codes
            if field.kind is not None:
                kind = _SPARSE[field.kind]
            return kind(value, **metadata.get(field.name, {}))

        variables = fields_lib.by_name(fields, jax.tree.map(variable, fields, params))
        for name, node in variables.items():
            setattr(self, name, _module(node))
        self.description = description
        self.num_embeddings = description.num_embeddings
        self.features = description.features
        dtypes = [value.dtype for value in jax.tree.leaves(params)]
        own = next(dtype for dtype in dtypes if jnp.issubdtype(dtype, jnp.inexact))
        asked = getattr(description, "dtype", None)
        self.dtype = own if asked is None else asked
        self.param_dtype = getattr(description, "param_dtype", own)
        self._fields = fields
        if takes_noise(description):
            self.deterministic = deterministic
            self.rng_collection = rng_collection
            has_stream = rng_collection in rngs or "default" in rngs
            self.rngs = rngs[rng_collection].fork() if has_stream else nnx.data(None)

    def __setattr__(self, name: str, value: Any) -> None:
        # NNX would take a property that is set for an attribute that holds arrays.
        if isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def params(self) -> Any:
        """The parameters as the functions of `description` take them.

        They can be set, to others of the same shapes: `layer.params = prune_to_size(
        layer.params, 1000)`.
        """
        return jax.tree.map(lambda field: self._variable(field)[...], self._fields)

    @params.setter
    def params(self, params: Any) -> None:
        fields_lib.check(self._fields, params)
        jax.tree.map(
            lambda field, value: self._variable(field).set_value(jnp.asarray(value)),
            self._fields,
            params,
        )

    def __call__(
        self,
        inputs: ArrayLike,
        out_sharding: Any = None,
        *,
        deterministic: bool | None = None,
        rngs: nnx.Rngs | nnx.RngStream | Array | None = None,
        **options: Any,
    ) -> Float[Array, "... features"]:
        """Embeds ids.

        Args:
          inputs: integers of any shape (...), each in [0, V).
          out_sharding: sharding of the result in JAX's explicit mode, as in
            `nnx.Embed`; None leaves it to the compiler.
          deterministic: whether to embed without noise, in place of the attribute.
          rngs: a key, or where the key of the noise comes from, in place of the layer's
            own.
          **options: further arguments of the description's `lookup`, such as the
            `temperature` of clusters.

        Returns:
          Vectors of shape (..., d), see the description's `lookup`.

        Raises:
          ValueError: inputs are not of an integer type, there is noise but nowhere to
            take it from, or there is none and it is asked for.
        """
        ids = check_ids(inputs)
        key = self._key(deterministic, rngs)
        if key is not None:
            options["key"] = key
        options = jax.tree.map(jnp.asarray, options)
        return _sharded(self._lookup, out_sharding)(self.params, ids, options)

    def attend(
        self, query: Float[Array, "... features"], out_sharding: Any = None
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object, the tied output layer.

        Args:
          query: vectors of shape (..., d).
          out_sharding: sharding of the logits in JAX's explicit mode; None leaves it
            to the compiler.

        Returns:
          Logits of shape (..., V), see the description's `attend`. There is no noise in
          them.
        """
        return _sharded(self._attend, out_sharding)(self.params, query)

    def set_view(self, deterministic: bool | None = None) -> None:
        """Used by `nnx.view`, as that of `nnx.Dropout`."""
        if deterministic is not None and takes_noise(self.description):
            self.deterministic = deterministic

    def _lookup(self, params: Any, ids: Array, options: dict[str, Any]) -> Array:
        vectors = self.description.lookup(params, ids, **options)
        return jnp.asarray(vectors, self.dtype)

    def _attend(self, params: Any, query: Array) -> Array:
        logits = self.description.attend(params, jnp.asarray(query, self.dtype))
        return jnp.asarray(logits, self.dtype)

    def _key(self, deterministic: bool | None, rngs: Any) -> Array | None:
        """The key of the noise; None where there is to be none."""
        name = type(self.description).__name__
        if not takes_noise(self.description):
            if deterministic is not None or rngs is not None:
                raise ValueError(
                    f"{name} draws no noise: it takes neither deterministic nor rngs."
                )
            return None
        if deterministic is None:
            deterministic = self.deterministic
        if deterministic is None:
            raise ValueError(
                f"Say whether {name} draws noise: call model.train() or model.eval(), "
                "or give deterministic=True or False to the layer or to the call."
            )
        if deterministic:
            return None
        rngs = self.rngs if rngs is None else rngs
        if rngs is None:
            raise ValueError(
                f"{name} draws noise, but there are no rngs for it: make the layer "
                f"with nnx.Rngs(params=..., {self.rng_collection}=...), or give rngs "
                "to the call."
            )
        if isinstance(rngs, nnx.Rngs):
            rngs = rngs[self.rng_collection]
        key: Array = rngs() if isinstance(rngs, nnx.RngStream) else rngs
        return key

    def _variable(self, field: fields_lib.Field) -> Any:
        node: Any = self
        for name in field.path:
            is_list = isinstance(node, nnx.List)
            node = node[int(name)] if is_list else getattr(node, name)
        return node


class AnchorEmbed(Embed):
    """Anchor & Transform where `nnx.Embed` stood: the same arguments and K.

    Its variables are `anchors`, an `nnx.Param`, and `transform`, a `Transform`;
    `ant_jax.param_labels` tells an optimizer which is which. The numerics are those of
    `AnchorEmbedding`.

    Args:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_anchors: number K of anchors.
      dtype: dtype of the vectors and logits; None keeps the parameters'.
      param_dtype: dtype passed to the initializers.
      anchors_init: initializer of A, shape (K, d).
      transform_init: initializer of T, shape (V, K).
      promote_dtype: brings a tuple of arrays to one dtype. It is called with the rows
        of T and with A in `__call__`, with the query, A and T in `attend`, and with
        `dtype`.
      rngs: where the key comes from, stream `params`.
      anchors_metadata: metadata of the variable `anchors`, such as its sharding.
      transform_metadata: metadata of the variable `transform`.

    Example:
      >>> import jax.numpy as jnp
      >>> layer = AnchorEmbed(1000, 16, num_anchors=8, rngs=nnx.Rngs(0))
      >>> layer(jnp.array([[1, 2, 3]])).shape
      (1, 3, 16)

      What the functions of the description take:

      >>> layer.description.num_params(layer.params)
      8128
    """

    def __init__(
        self,
        num_embeddings: int,
        features: int,
        num_anchors: int,
        *,
        dtype: DTypeLike | None = None,
        param_dtype: DTypeLike = jnp.float32,
        anchors_init: Initializer = default_half_normal,
        transform_init: Initializer = default_half_normal,
        promote_dtype: Callable[..., Any] = promote_dtype,
        rngs: nnx.Rngs,
        anchors_metadata: Mapping[str, Any] = MappingProxyType({}),
        transform_metadata: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        description = AnchorEmbedding(
            num_embeddings=num_embeddings,
            features=features,
            num_anchors=num_anchors,
            dtype=dtype,
            param_dtype=param_dtype,
            anchors_init=anchors_init,
            transform_init=transform_init,
        )
        metadata = {"anchors": anchors_metadata, "transform": transform_metadata}
        super().__init__(description, rngs=rngs, metadata=metadata)
        self.num_anchors = num_anchors
        self.promote_dtype = promote_dtype

    def _lookup(self, params: Any, ids: Array, options: dict[str, Any]) -> Array:
        if options:
            raise TypeError(f"Unknown arguments of AnchorEmbed: {', '.join(options)}.")
        # Rows are promoted, not T: it is V long, and its gradient is summed unrounded.
        rows, anchors = self.promote_dtype(
            (take_rows(params.transform, ids), params.anchors),
            dtype=self.dtype,
            inexact=False,
        )
        return combine(rows, anchors)

    def _attend(self, params: Any, query: Array) -> Array:
        return score(*self.promote_dtype((query, *params), dtype=self.dtype))


def _module(node: Any) -> Any:
    """Modules in place of nested dicts; a list where their names are numbers."""
    if not isinstance(node, dict):
        return node
    if set(node) == {str(i) for i in range(len(node))}:
        return nnx.List([_module(inner) for inner in node.values()])
    group = Group()
    for name, inner in node.items():
        setattr(group, name, _module(inner))
    return group


def _sharded(function: Any, out_sharding: Any) -> Any:
    # Gathers and products in sequence take no out_sharding, so it is set around them.
    if out_sharding is None:
        return function
    return jax.sharding.auto_axes(function, out_sharding=out_sharding)
