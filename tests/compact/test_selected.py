"""Which objects are kept: in few bytes, and checked when they are read."""

import numpy as np
import pytest

import ant_jax as ant
from ant_jax.embeddings import SelectedEmbedding, SelectedParams


def save(path, kept, num_embeddings=60_000, features=2):
    emb = SelectedEmbedding(num_embeddings, features, kept)
    rows = np.ones((len(emb.kept) + 1, features), np.float32)
    return ant.compact.save(path, emb, SelectedParams(rows))


@pytest.mark.parametrize(
    ("kept", "name", "nbytes"),
    [
        # One run each, of the kept and of the others.
        (range(500), "kept.runs", 3 * 2),
        (range(59_000, 60_000), "kept.runs", 2 * 2),
        # Two runs a word, while they are less than a bit for each of the vocabulary.
        (range(0, 60_000, 200), "kept.runs", (2 * 300 + 1) * 1),
        (range(0, 60_000, 2), "kept.bits", 60_000 // 8),
    ],
)
def test_bytes_of_a_choice(tmp_path, kept, name, nbytes):
    sizes = save(tmp_path / "table", kept)
    assert sizes.parts[name] == nbytes
    assert sizes.parts["embedding"] == (len(kept) + 1) * 2 * 4
    assert sizes.num_params == (len(kept) + 1) * 2
    assert ant.compact.load(tmp_path / "table").sizes == sizes
