"""The files that are shipped."""

import json
from pathlib import Path

import jax
import numpy as np
from safetensors.numpy import save

import ant_jax as ant
from ant_jax.files import write_atomically
from experiments.text_classification.configs import Config
from experiments.text_classification.input_pipeline import Prepared
from experiments.text_classification.models import Classifier, ClassifierParams


def ship(
    folder: Path,
    config: Config,
    model: Classifier,
    params: ClassifierParams,
    prepared: Prepared,
) -> int:
    """Writes the embedding, the encoder and a description; returns the first's bytes.

    The words are stored too but not counted: any table needs them. `model.json` says
    how a text becomes ids and which encoder reads them; the encoder's tensors are
    named by their path in its Flax parameters.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sizes = ant.compact.save(
        folder / "embedding.safetensors",
        model.embedding,
        params.embedding,
        prepared.words,
    )
    names = (size for part, size in sizes.parts.items() if part.startswith("vocab"))
    tensors = {
        "/".join(str(key.key) for key in path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params.encoder)
    }
    write_atomically(folder / "encoder.safetensors", save(tensors))
    description = {
        "model": "text_classifier",
        "classes": list(prepared.classes),
        "tokenizer": config.tokenizer,
        "length": config.length,
        "encoder": config.encoder,
        "embedding": "embedding.safetensors",
    }
    write_atomically(folder / "model.json", json.dumps(description, indent=2) + "\n")
    return sizes.total - sum(names)
