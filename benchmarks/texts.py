"""Generated texts, for vocabularies of any size."""

import dataclasses

import numpy as np

from benchmarks.batches import draw_ranks
from experiments.text_classification.configs import Config
from experiments.text_classification.input_pipeline import SPECIAL, Examples

# Exponent and shift of the words' law, fitted to IMDB's reviews.
_EXPONENT, _SHIFT = 1.25, 5.0


@dataclasses.dataclass(frozen=True)
class TextWorkload:
    """What a program trains, and on texts of which sizes.

    Attributes:
      config: settings of the text classification program.
      num_words: size of the vocabulary.
      num_classes: number of classes.
    """

    config: Config
    num_words: int
    num_classes: int


def draw_texts(workload: TextWorkload, count: int, turn: int) -> Examples:
    """Draws texts of independent words with the frequencies of a Zipf-Mandelbrot law.

    The shares of the most frequent 1, 10, 100 and 1,000 words are within a tenth of
    those in the first 100 tokens of IMDB's reviews. All texts have the full length:
    padding is one more word that is frequent, and would only make lazy rows quicker.
    Labels are drawn too.

    Args:
      workload: sizes and seed.
      count: number of texts.
      turn: equal turns have equal texts.

    Returns:
      The texts; the ids fall in frequency, behind those of the special words.
    """
    config = workload.config
    rng = np.random.default_rng((config.seed, turn))
    shape = count, config.length
    size = workload.num_words - len(SPECIAL)
    ranks = draw_ranks(rng, shape, size, _EXPONENT, _SHIFT)
    return Examples(
        tokens=(ranks + len(SPECIAL)).astype(np.int32),
        lengths=np.full(count, config.length, np.int32),
        labels=rng.integers(workload.num_classes, size=count, dtype=np.int32),
    )
