"""What reads a text: word vectors to scores of its classes, in Flax."""

from collections.abc import Mapping
from typing import Any, Protocol

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, Int

from ant_jax.ops.folding import fold_kernel
from ant_jax.ops.max_convolution import max_convolution
from experiments.text_classification.configs import Config

EncoderParams = Mapping[str, Any]
_CELL = "lstm"


class Encoder(Protocol):
    """A Flax module whose first layer is linear in the word vectors."""

    def fold(
        self, params: EncoderParams, basis: Float[Array, "anchors features"]
    ) -> EncoderParams:
        """Parameters that do to rows x what `params` do to `x @ basis`."""


class _MaxConvolution(nn.Module):
    """A convolution and its largest values, with the parameters of a dense layer.

    Attributes:
      window: width, in words.
      filters: number of outputs.
    """

    window: int
    filters: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch length features"]
    ) -> Float[Array, "batch filters"]:
        """The largest value of each filter, float (B, L, d) -> (B, F)."""
        shape = self.window * x.shape[-1], self.filters
        kernel = self.param("kernel", nn.linear.default_kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, shape[1:])
        kernel = kernel.reshape(self.window, -1, self.filters)
        return max_convolution(x, kernel) + bias[None]


class CNN(nn.Module):
    """One layer of convolutions, each followed by its largest value over the text.

    Kim, *Convolutional neural networks for sentence classification*, EMNLP 2014, in the
    sizes of Table 6 of Anchor & Transform.

    Attributes:
      num_classes: number of classes.
      windows: widths of the convolutions, in words.
      filters: filters of each width.
      dropout: share of the pooled features that training drops.
    """

    num_classes: int
    windows: tuple[int, ...] = (3, 4, 5)
    filters: int = 100
    dropout: float = 0.5

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch length features"],
        lengths: Int[Array, " batch"],
        *,
        train: bool = False,
    ) -> Float[Array, "batch classes"]:
        """Scores texts: float (B, L, d), int (B,) -> float (B, classes).

        The text must be as long as the widest window; beyond its length x is zero.
        """
        del lengths
        pooled = [
            _MaxConvolution(w, self.filters, name=_name(w))(x) for w in self.windows
        ]
        # max and relu may change places: relu is applied to the largest value only.
        features = nn.relu(jnp.concatenate(pooled, axis=-1))
        features = nn.Dropout(self.dropout, deterministic=not train)(features)
        return nn.Dense(self.num_classes)(features)

    def fold(self, params: EncoderParams, basis: Array) -> EncoderParams:
        """See `Encoder.fold`: the kernels, (w d, F) -> (w K, F)."""
        folded = dict(params)
        for window in self.windows:
            layer = params[_name(window)]
            kernel = layer["kernel"].reshape(window, -1, self.filters)
            kernel = fold_kernel(kernel, basis).reshape(-1, self.filters)
            folded[_name(window)] = {**layer, "kernel": kernel}
        return folded


class LSTM(nn.Module):
    """The state of an LSTM after the last word of the text.

    Hochreiter and Schmidhuber, *Long short-term memory*, 1997, with a linear layer, as
    Chen and Gimpel (NAACL 2018) classify.

    Attributes:
      num_classes: number of classes.
      hidden: units of the state.
      dropout: share of the state's features that training drops.
    """

    num_classes: int
    hidden: int = 50
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch length features"],
        lengths: Int[Array, " batch"],
        *,
        train: bool = False,
    ) -> Float[Array, "batch classes"]:
        """Scores texts: float (B, L, d), int (B,) -> float (B, classes)."""
        cell = nn.OptimizedLSTMCell(self.hidden, name=_CELL)
        (_, state), _ = nn.RNN(cell, return_carry=True)(x, seq_lengths=lengths)
        state = nn.Dropout(self.dropout, deterministic=not train)(state)
        return nn.Dense(self.num_classes)(state)

    def fold(self, params: EncoderParams, basis: Array) -> EncoderParams:
        """See `Encoder.fold`: the kernels of the inputs, (d, H) -> (K, H)."""
        cell = dict(params[_CELL])
        for gate in ("ii", "if", "ig", "io"):
            cell[gate] = {"kernel": fold_kernel(cell[gate]["kernel"], basis)}
        return {**params, _CELL: cell}


def make_encoder(config: Config, num_classes: int) -> CNN | LSTM:
    """The encoder that a config asks for."""
    if config.encoder == "lstm":
        return LSTM(num_classes, config.hidden, config.dropout)
    return CNN(num_classes, filters=config.filters, dropout=config.dropout)


def _name(window: int) -> str:
    return f"conv_{window}"
