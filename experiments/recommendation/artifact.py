"""The files that are shipped."""

import json
from pathlib import Path
from typing import Any

import ant_jax as ant
from ant_jax.files import write_atomically
from experiments.data import Ratings
from experiments.recommendation.models import MatrixFactorization


def ship(
    folder: Path, model: MatrixFactorization, params: Any, ratings: Ratings
) -> int:
    """Writes tables, biases and a description; returns the bytes of the tables.

    Names of users and items are stored too but not counted: any table needs them.

    `model.json` names the files; a rating is the product of the two vectors, plus
    `bias`, plus the biases of user and item where there are files of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, tuple[Any, Any, Any]] = {
        "users": (model.users, params.users, ratings.user_ids),
        "items": (model.items, params.items, ratings.item_ids),
    }
    for name in ("user_bias", "item_bias"):
        bias = getattr(params, name)
        if bias is not None:
            column = ant.FullEmbedding(len(bias), 1)
            tables[name] = (column, ant.FullParams(bias[:, None]), None)
    size = 0
    for name, (embedding, values, vocab) in tables.items():
        path = folder / f"{name}.safetensors"
        sizes = ant.compact.save(path, embedding, values, vocab)
        names = (n for part, n in sizes.parts.items() if part.startswith("vocab"))
        size += sizes.total - sum(names)
    description = {
        "model": "matrix_factorization",
        "bias": float(params.bias),
        "tables": {name: f"{name}.safetensors" for name in tables},
    }
    write_atomically(folder / "model.json", json.dumps(description, indent=2) + "\n")
    return size
