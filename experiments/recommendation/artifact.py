"""The files that are shipped."""

import json
from pathlib import Path
from typing import Any

import ant_jax as ant
from ant_jax.files import write_atomically
from experiments.recommendation.input_pipeline import Prepared
from experiments.recommendation.models import MatrixFactorization


def ship(
    folder: Path, model: MatrixFactorization, params: Any, prepared: Prepared
) -> int:
    """Writes both tables and a description; returns the bytes of the tables.

    Names of users and items are stored too but not counted: any table needs them.

    `model.json` names the files; a rating is the product of the two vectors plus
    `bias`. With `biases` the last features are added instead of multiplied.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "users": (model.users, params.users, prepared.user_ids),
        "items": (model.items, params.items, prepared.item_ids),
    }
    size = 0
    for name, (embedding, values, vocab) in tables.items():
        path = folder / f"{name}.safetensors"
        sizes = ant.compact.save(path, embedding, values, vocab)
        names = (n for part, n in sizes.parts.items() if part.startswith("vocab"))
        size += sizes.total - sum(names)
    description = {
        "model": "matrix_factorization",
        "bias": float(params.bias),
        "biases": model.biases,
        "tables": {name: f"{name}.safetensors" for name in tables},
    }
    write_atomically(folder / "model.json", json.dumps(description, indent=2) + "\n")
    return size
