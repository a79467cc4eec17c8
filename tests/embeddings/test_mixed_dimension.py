"""How blocks and their lengths follow from counts, up to the published parameters."""

import lzma

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ant_jax.embeddings import MixedDimensionEmbedding


def blocks_by_a_loop(counts, first, num_blocks, temperature):
    """The oracle: objects one by one, in exact integers as far as they go."""
    sizes, size, mass = [], 0, 0
    for count in counts:
        size, mass = size + 1, mass + count
        if mass * num_blocks >= sum(counts):
            sizes.append(size)
            size = mass = 0
    if size:
        sizes.append(size)
    lengths = [first]
    for size in sizes[1:]:
        length = max(first * (sizes[0] / size) ** temperature, 1)
        lengths.append(min(2 ** round(np.log2(length)), first))
    return sizes, lengths


@given(
    counts=st.lists(st.integers(0, 50), min_size=1, max_size=60),
    num_blocks=st.integers(1, 10),
    temperature=st.sampled_from([0.0, 0.4, 0.6, 1.0, 2.0]),
    first=st.sampled_from([1, 5, 8, 16]),
)
def test_blocks_equal_those_of_a_loop(counts, num_blocks, temperature, first):
    counts = sorted((count + 1 for count in counts), reverse=True)
    emb = MixedDimensionEmbedding.from_counts(
        counts,
        8,
        num_blocks=num_blocks,
        temperature=temperature,
        first_features=first,
    )
    assert emb.num_embeddings == len(counts)
    # Each object's length, as blocks without a projection may have become one.
    found = np.repeat(emb.block_features, emb.block_sizes).tolist()
    sizes, lengths = blocks_by_a_loop(counts, first, num_blocks, temperature)
    assert found == np.repeat(lengths, sizes).tolist()
    full = np.array(emb.block_features) == 8
    assert not (full[1:] & full[:-1]).any()


def test_one_length_for_all_is_the_full_table():
    emb = MixedDimensionEmbedding.from_counts(
        np.arange(9, 0, -1), 6, num_blocks=4, temperature=0.0, dtype="bfloat16"
    )
    # 6 is no power of two; the first block keeps it, the others are rounded down to it.
    assert (emb.block_sizes, emb.block_features) == ((9,), (6,))
    assert emb.dtype == "bfloat16"


@pytest.mark.parametrize(
    "counts",
    [[1, 2], [3, 2, -1], [0, 0], [], [[2, 1]], [float("nan"), 1], [float("inf"), 1]],
)
def test_counts_that_do_not_fall_are_refused(counts):
    with pytest.raises(ValueError, match="number the objects by falling frequency"):
        MixedDimensionEmbedding.from_counts(counts, 4, num_blocks=2, temperature=0.5)


def test_other_bad_arguments():
    def make(**changes):
        arguments = {"num_blocks": 2, "temperature": 0.5} | changes
        return MixedDimensionEmbedding.from_counts([3, 2, 1], 4, **arguments)

    with pytest.raises(ValueError, match="num_blocks must be a positive integer"):
        make(num_blocks=0)
    with pytest.raises(ValueError, match="first_features must be a positive integer"):
        make(first_features=0)
    for temperature in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="temperature must be"):
            make(temperature=temperature)
    with pytest.raises(ValueError, match="one entry for each block, got 2 and 1"):
        MixedDimensionEmbedding(4, (1, 2), (4,))
    with pytest.raises(ValueError, match="one entry for each block, got 0 and 0"):
        MixedDimensionEmbedding(4, (), ())


# Table 14 of Anchor & Transform: features of the most frequent objects, temperature,
# blocks, thousands of parameters, and a seed whose split gives just that. Which split
# was used is not known; the published counts are rounded to hundreds. All but the
# second belong to one split, and with it that is 66,060.
PUBLISHED = [
    (16, 0.4, 8, 66.6, 2),
    (16, 0.4, 16, 66.2, 34),
    (16, 0.6, 8, 47.0, 2),
    (16, 0.6, 16, 42.9, 2),
    (32, 0.6, 8, 94.0, 2),
    (32, 0.6, 16, 84.6, 2),
]


@pytest.fixture(scope="module")
def ratings(data_dir) -> np.ndarray:
    """Users and rated items of MovieLens 1M, numbered from zero, (2, n)."""
    found = sorted((data_dir / "ml-1m").glob("ratings.csv*"))
    if not found:
        pytest.skip("ANT_JAX_DATA has no ml-1m/ratings.csv")
    open_ = lzma.open if found[0].suffix == ".xz" else open
    with open_(found[0], "rt") as file:
        assert next(file).startswith("userId,movieId,")
        columns = np.loadtxt(file, np.int64, delimiter=",", usecols=(0, 1)).T
    return np.stack([np.unique(c, return_inverse=True)[1] for c in columns])


@pytest.mark.parametrize(("first", "temperature", "k", "published", "seed"), PUBLISHED)
def test_published_parameters(ratings, first, temperature, k, published, seed):
    """On 80 % of MovieLens 1M, every object counted once more.

    The rows called d = 32 have a common length of 16: only the most frequent objects
    have 32 numbers.
    """
    # Unlike default_rng's, this stream never changes.
    order = np.random.RandomState(seed).permutation(ratings.shape[1])
    total = 0
    for ids in ratings:
        train = ids[order[: int(0.8 * ids.size)]]
        counts = np.bincount(train, minlength=ids.max() + 1) + 1
        emb = MixedDimensionEmbedding.from_counts(
            np.sort(counts)[::-1],
            16,
            num_blocks=k,
            temperature=temperature,
            first_features=first,
        )
        total += emb.num_params(jax.eval_shape(emb.init, jax.random.key(0)))
    assert round(total / 1000, 1) == published
