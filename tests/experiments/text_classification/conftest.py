"""A small data set that a small encoder can learn, and runs on it."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments.data import load_texts
from experiments.runner.train import train_and_evaluate
from experiments.text_classification.configs import Config
from experiments.text_classification.input_pipeline import prepare
from experiments.text_classification.task import TextClassification

CLASSES = ("earth", "moon", "sun")


@pytest.fixture(scope="session")
def text_dir(tmp_path_factory):
    """Lines of a class and a text: four words tell a class, forty say nothing."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("texts")
    for split, texts in (("train", 240), ("test", 90)):
        lines = []
        for label in rng.permutation(np.arange(texts) % len(CLASSES)):
            name = CLASSES[label]
            words = [f"word{n}" for n in rng.integers(0, 40, rng.integers(3, 9))]
            for place in rng.integers(0, len(words), 3):
                words.insert(place, f"{name}{rng.integers(0, 4)}")
            lines.append(f"{name}\t{' '.join(words)}")
        (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def small(text_dir):
    """Settings under which three epochs are enough to learn something."""
    return Config(
        dataset="text",
        data_dir=str(text_dir),
        tokenizer="whitespace",
        length=12,
        validation_share=0.2,
        features=8,
        table_stddev=0.5,
        anchors=4,
        mixture_anchors=3,
        clusters=8,
        adjustment_features=2,
        kept_objects=25,
        buckets=30,
        code_groups=4,
        codes=12,
        filters=6,
        hidden=8,
        dropout=0.1,
        anchors_stddev=1.0,
        l1=1e-4,
        group_lasso=1e-3,
        kl_weight=0.03,
        code_l1=0.02,
        learning_rate=0.05,
        batch_size=4,
        epochs=3,
        patience=3,
        refit_epochs=0,
    )


@pytest.fixture(scope="session")
def prepared(small, text_dir):
    """The data of the small settings."""
    cache = str(text_dir.parent / "cache")
    texts = load_texts("text", str(text_dir), cache, tokenizer="whitespace")
    return prepare(texts, seed=0, length=small.length, validation_share=0.2)


@pytest.fixture(scope="session")
def run(small, text_dir):
    """Trains the small settings with some changed; on one device if not told."""

    def run(folder, *, mode="new", devices=None, **changes):
        return train_and_evaluate(
            TextClassification,
            dataclasses.replace(small, **changes),
            folder,
            mode,
            cache_dir=str(text_dir.parent / "cache"),
            devices=devices or jax.local_devices()[:1],
        )

    return run
