"""A program that the runner was not written for: a small language model."""

import dataclasses
import json
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax import compact
from ant_jax.pruning import make_curvature
from ant_jax.training import LossOutput
from experiments.runner import groups
from experiments.runner.config import TrainingConfig
from experiments.runner.methods import Objects, make_embedding
from experiments.runner.metric import PERPLEXITY
from experiments.runner.metrics import read_metrics
from experiments.runner.run import Run
from experiments.runner.splits import Splits
from experiments.runner.table import results_table
from experiments.runner.task import Task
from experiments.runner.train import train_and_evaluate

pytestmark = pytest.mark.usefixtures("quick_compilation")

WORDS, HIDDEN, STREAMS, LENGTH = 12, 16, 4, 6


class Windows(NamedTuple):
    """Consecutive windows of several streams, those of one time side by side."""

    tokens: np.ndarray  # int32 (n, L)
    targets: np.ndarray  # int32 (n, L), the words that follow


class Params(NamedTuple):
    words: ant.AnchorParams
    recurrent: jax.Array
    bias: jax.Array


@dataclasses.dataclass(frozen=True)
class Model:
    """An Elman network whose input and output share a table."""

    words: ant.AnchorEmbedding

    def cross_entropy(self, params, batch, carry):
        def step(hidden, word):
            x = self.words.lookup(params.words, word)
            hidden = jnp.tanh(hidden @ params.recurrent + x)
            return hidden, hidden

        hidden, states = jax.lax.scan(step, carry, batch.tokens.T)
        scores = self.words.attend(params.words, states) + params.bias[None, None]
        errors = optax.softmax_cross_entropy_with_integer_labels(
            scores, batch.targets.T
        )
        return jnp.mean(errors, axis=0), hidden

    def num_params(self, params):
        return self.words.num_params(params.words)


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
    ANCHORS: ClassVar[dict[str, str]] = {"words": "anchors"}

    anchors: int = groups.anchors(8, "Number of anchors.", at_least=1)


def windows(count, rng):
    """A language in which two words out of three follow from those before."""
    text = [int(w) for w in rng.integers(0, WORDS, 2)]
    while len(text) <= STREAMS * count * LENGTH:
        surprise = rng.random() < 0.1
        text.append(int(rng.integers(WORDS) if surprise else (text[-1] + 5) % WORDS))
    streams = np.array(text[: STREAMS * count * LENGTH]).reshape(STREAMS, -1)
    following = np.array(text[1 : STREAMS * count * LENGTH + 1]).reshape(STREAMS, -1)

    def cut(x):
        parts = x.reshape(STREAMS, count, LENGTH).swapaxes(0, 1)
        return parts.reshape(-1, LENGTH).astype(np.int32)

    return Windows(cut(streams), cut(following))


class LanguageModel(Task):
    name = "language_model"
    description = "Predicts the next word."
    metric = PERPLEXITY
    loss_label = "cross-entropy"
    tables: ClassVar = {"words": "tokens"}
    methods = ("ant", "full")
    configs: ClassVar = {"tiny": Config()}
    default_config = "tiny"
    evaluation_batch = STREAMS
    shuffle = False

    def __init__(self, config):
        rng = np.random.default_rng(0)
        self.config = config
        self.splits = Splits(*(windows(n, rng) for n in (60, 10, 10)))
        words = make_embedding(config, self.objects("words"), HIDDEN, config.anchors)
        self.model = Model(words)

    @classmethod
    def load(cls, config, cache_dir=None):
        return cls(config)

    def objects(self, table):
        return Objects(np.bincount(self.splits.train.tokens.ravel(), minlength=WORDS))

    def init(self, key):
        word_key, key = jax.random.split(key)
        recurrent = 0.3 * jax.random.normal(key, (HIDDEN, HIDDEN))
        return Params(self.model.words.init(word_key), recurrent, jnp.zeros(WORDS))

    def carry(self, batch_size):
        return jnp.zeros((batch_size, HIDDEN))

    def loss(self, model, *, refit=False):
        def loss(params, batch, *, key, step, carry):
            errors, carry = model.cross_entropy(params, batch, carry)
            return LossOutput(jnp.mean(errors), {"worst": jnp.max(errors)}, carry)

        return loss

    def score(self, model):
        return lambda params, batch, carry: model.cross_entropy(params, batch, carry)

    def curvature(self, context, model):
        def errors(params, batch):
            return model.cross_entropy(params, batch, self.carry(len(batch.tokens)))[0]

        curvature = make_curvature(errors, STREAMS, context.mesh)
        return lambda params, key: curvature(params, context.splits.train, key)

    def ship(self, folder, model, params):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "words.safetensors"
        return compact.save(path, model.words, params.words).total


SMALL = Config(
    features=HIDDEN,
    anchors_start="normal",
    transform_stddev=0.3,
    anchors_stddev=0.5,
    l1=1e-4,
    lazy_rows=False,
    halving_steps=0,
    learning_rate=0.02,
    clip_norm=1.0,
    batch_size=STREAMS,
    epochs=4,
    refit_epochs=1,
    prune_by="curvature",
)


def run(folder, **changes):
    config = dataclasses.replace(SMALL, **changes)
    devices = jax.local_devices()[:1]
    return train_and_evaluate(LanguageModel, config, folder, "resume", devices=devices)


@pytest.mark.slow
def test_it_learns_prunes_ships_and_says_so(tmp_path):
    result = run(tmp_path)
    # A guess by frequency has a perplexity of about as many as there are words; who
    # knows the rule has exp of its entropy, about 1.8.
    assert result["value"] < 0.4 * WORDS
    assert result["metric"] == "perplexity"
    assert result["emb_params"] < result["before_pruning"]["emb_params"]
    table = compact.load(tmp_path / "artifact" / "words.safetensors")
    assert table.num_params == result["emb_params"]
    rows = read_metrics(tmp_path / "metrics.jsonl")
    # The loss is a mean of logarithms, the score a perplexity, and a further number of
    # the loss is written as it is.
    assert rows[-1]["validation"] > 1
    np.testing.assert_allclose(np.exp(rows[-1]["train_loss"]), 2.5, atol=1.5)
    assert rows[-1]["worst"] > rows[-1]["train_loss"]
    assert "test perplexity" in results_table([result])
    assert json.loads((tmp_path / "result.json").read_text()) == result


def test_a_score_is_that_of_unbroken_streams():
    # Written out: every stream is read from its beginning, with its hidden state.
    task = LanguageModel(dataclasses.replace(SMALL, method="full", table_stddev=0.5))
    params = task.init(jax.random.key(0))
    test, values, hidden = task.splits.test, [], jnp.zeros((STREAMS, HIDDEN))
    for begin in range(0, len(test.tokens), STREAMS):
        part = Windows(*(x[begin : begin + STREAMS] for x in test))
        errors, hidden = task.model.cross_entropy(params, part, hidden)
        values.append(float(jnp.mean(errors)))
    mesh = ant.training.data_mesh(jax.local_devices()[:1])
    got = Run(task, mesh).loss_on("test", task.model)(params)
    np.testing.assert_allclose(got, np.mean(values), rtol=1e-5)
