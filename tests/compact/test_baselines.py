"""Shipped baselines return what the trained ones return, to the last bit."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import ant_jax as ant
from ant_jax.embeddings import (
    ClusterAdjustmentEmbedding,
    ClusterEmbedding,
    HashEmbedding,
    HashingEmbedding,
    LowRankEmbedding,
    MixedClusterEmbedding,
    MixedDimensionEmbedding,
    MixedDimensionParams,
    QuotientRemainderEmbedding,
    SelectedEmbedding,
)

V, D = 40, 17
MAKERS = {
    "cluster": lambda **f: ClusterEmbedding(V, D, 5, **f),
    "cluster_adjustment": lambda **f: ClusterAdjustmentEmbedding(V, D, 9, 2, **f),
    "mixed_cluster": lambda **f: MixedClusterEmbedding(V, D, 300, 7, **f),
    "low_rank": lambda **f: LowRankEmbedding(V, D, 33, **f),
    "multiply": lambda **f: QuotientRemainderEmbedding(V, D, 7, **f),
    "add": lambda **f: QuotientRemainderEmbedding(V, D, 7, "add", **f),
    "hashing": lambda **f: HashingEmbedding(V, D, 9, **f),
    "hashing_thrice": lambda **f: HashingEmbedding(V, D, 9, 3, 1, **f),
    "hash_embedding": lambda **f: HashEmbedding(V, D, 9, **f),
    "hash_embedding_appended": lambda **f: HashEmbedding(V, D, 9, 3, True, **f),
    "selected": lambda **f: SelectedEmbedding(V, D, range(3, 40, 4), **f),
    "selected_run": lambda **f: SelectedEmbedding(V, D, range(12), **f),
    "mixed_dimension": lambda **f: MixedDimensionEmbedding(
        D, (3, 20, 4, 13), (40, 17, 17, 9), **f
    ),
    "mixed_dimension_full": lambda **f: MixedDimensionEmbedding(D, (40,), (17,), **f),
}
DTYPES = [
    (None, jnp.float32),
    (None, jnp.bfloat16),
    (jnp.bfloat16, jnp.float32),
    (jnp.float16, jnp.bfloat16),
]
TINY = float(np.finfo(np.float32).tiny)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "table.safetensors"


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


def random_params(emb, draw):
    """Every parameter by `draw(shape)`."""
    shapes = jax.eval_shape(emb.init, jax.random.key(0))
    return jax.tree.map(lambda s: draw(s.shape).astype(s.dtype), shapes)


IDS = np.arange(V)


def far_apart(seed=0):
    """Magnitudes far apart make every rounding count."""
    rng = np.random.default_rng(seed)
    return lambda shape: rng.normal(size=shape) * 10.0 ** rng.integers(-2, 3, shape)


def ship(path, emb, params):
    sizes = ant.compact.save(path, emb, params)
    table = ant.compact.load(path)
    assert sizes == table.sizes
    assert table.num_params == sizes.num_params == emb.num_params(params)
    return table


def assert_same_bits(found, expected):
    if expected.dtype == jnp.bfloat16:
        expected = expected.astype(jnp.float32)
    expected = np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("dtype", "param_dtype"), DTYPES)
def test_lookup_equals_the_trained_embedding(path, lookup, make, dtype, param_dtype):
    emb = make(dtype=dtype, param_dtype=param_dtype)
    params = random_params(emb, far_apart())
    table = ship(path, emb, params)
    assert (table.num_embeddings, table.features) == (V, D)
    expected = lookup(emb, params, IDS)
    assert_same_bits(table.lookup(IDS), expected)
    ids = np.array([[3, 39, 0], [3, 7, 25]])
    assert_same_bits(table.lookup(ids), expected[ids])
    # More ids than objects are read from the whole table.
    assert_same_bits(table.lookup(np.tile(IDS, 2)), jnp.tile(expected, (2, 1)))


@pytest.mark.parametrize("name", ["low_rank", "hashing_thrice", "mixed_dimension"])
def test_lookup_does_not_depend_on_the_batch_nor_on_jit(path, name):
    emb = MAKERS[name]()
    params = random_params(emb, far_apart())
    table = ship(path, emb, params)
    params = jax.tree.map(jnp.asarray, params)
    assert_same_bits(table.lookup(3), emb.lookup(params, 3))


def test_float64(path, lookup, make):
    with jax.enable_x64(True):
        emb = make(param_dtype=jnp.float64)
        params = random_params(emb, far_apart())
        assert_same_bits(ship(path, emb, params).lookup(IDS), lookup(emb, params, IDS))


@pytest.mark.parametrize("seed", range(4))
def test_numbers_so_small_that_xla_flushes_them(path, lookup, make, seed):
    rng = np.random.default_rng(seed)
    scales = [0.0, -0.0, 1e-45, 1e-39, TINY, -1.7 * TINY, 1e-30, 1e-22, 1e-19, 1.0]

    def draw(shape):
        return rng.normal(size=shape) * rng.choice(scales, shape)

    emb = make()
    params = random_params(emb, draw)
    table = ship(path, emb, params)
    assert_same_bits(table.matrix(), lookup(emb, params, IDS))


def test_a_negative_zero_meets_the_columns_of_other_blocks(path, lookup):
    """A sum of minus half of tiny is flushed to -0; only a later +0 ends that."""
    emb = MixedDimensionEmbedding(3, (1, 1), (2, 1))
    params = MixedDimensionParams(
        tables=(jnp.array([[-1.5 * TINY, TINY]]), jnp.ones((1, 1))),
        projections=jnp.array([[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [1.0, -1.0, 0.0]]),
    )
    table = ship(path, emb, params)
    assert np.signbit(table.lookup(0)).tolist() == [False, True, False]
    assert_same_bits(table.matrix(), lookup(emb, params, np.arange(2)))


def test_sums_that_overflow(path, lookup, make):
    emb = make()
    params = random_params(emb, lambda shape: np.full(shape, 3e38))
    table = ship(path, emb, params)
    assert_same_bits(table.matrix(), lookup(emb, params, IDS))


def test_reading_needs_numpy_and_safetensors_only(tmp_path, lookup):
    expected = []
    for name, maker in MAKERS.items():
        emb = maker()
        params = random_params(emb, far_apart())
        ant.compact.save(tmp_path / name, emb, params)
        vectors = np.asarray(lookup(emb, params, IDS))
        expected.append(vectors[[5, 39, 0]].tolist())
    program = (
        "import sys\n"
        "for name in sys.argv[2].split(','): sys.modules[name] = None\n"
        "from ant_jax import compact\n"
        "for name in sys.argv[3:]:\n"
        "    print(compact.load(f'{sys.argv[1]}/{name}').lookup([5, 39, 0]).tolist())\n"
    )
    missing = "jax,jaxlib,flax,optax,chex,ml_dtypes,jaxtyping"
    command = [sys.executable, "-W", "error", "-c", program, str(tmp_path), missing]
    done = subprocess.run(
        [*command, *MAKERS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(vectors) for vectors in expected]


def rewrite(path, tensors, header):
    with safetensors.safe_open(path, framework="np") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()["ant_jax.compact"]
    for old, new in header:
        assert old in metadata
        metadata = metadata.replace(old, new)
    found |= {name: np.asarray(array) for name, array in tensors.items()}
    safetensors.numpy.save_file(found, path, {"ant_jax.compact": metadata})


U32, U8, F32 = np.uint32, np.uint8, np.float32
DAMAGE = [
    ("cluster", {}, [('"num_clusters"', '"clusters"')], "expected num_clusters"),
    ("cluster", {}, [('_clusters":5', '_clusters":6')], "'embedding' has the shape"),
    ("cluster", {}, [('_embeddings":40', '_embeddings":43')], "'assignments' has the"),
    ("cluster", {"assignments": np.full(15, 255, U8)}, [], "holds 7, expected less"),
    ("cluster", {"embedding": np.full((5, D), np.nan, F32)}, [], "'embedding' holds N"),
    ("cluster_adjustment", {}, [('_features":2', '_features":17')], "features below"),
    ("cluster_adjustment", {}, [("adjustment_f", "f")], "expected num_clusters and"),
    ("cluster_adjustment", {}, [('_features":2', '_features":3')], "has the shape"),
    (
        "cluster_adjustment",
        {"adjustment": np.full((V, 2), np.inf, F32)},
        [],
        "'adjustment' holds NaN",
    ),
    ("mixed_cluster", {}, [('_frequent":7', '_frequent":40')], "num_frequent below 40"),
    ("mixed_cluster", {}, [("num_frequent", "frequent")], "expected num_clusters and"),
    ("mixed_cluster", {}, [('_frequent":7', '_frequent":8')], "'frequent' has the"),
    (
        "mixed_cluster",
        {"assignments": np.array([0] * 37 + [128], U8)},
        [],
        "at the end of 'assignments' are not zero",
    ),
    ("low_rank", {}, [('"rank":33', '"rank":3')], "'coefficients' has the shape"),
    ("low_rank", {}, [('"rank"', '"ranks"')], "expected rank"),
    ("low_rank", {"basis": np.full((33, D), np.nan, F32)}, [], "'basis' holds NaN"),
    ("add", {}, [('"operation":2', '"operation":3')], "operation is 3"),
    ("add", {}, [('"operation"', '"operator"')], "expected num_remainders and"),
    ("add", {}, [('_embeddings":40', '_embeddings":99')], "'quotients' has the shape"),
    ("multiply", {"remainders": np.full((7, D), np.inf, F32)}, [], "'remainders' hold"),
    ("hashing", {"hashes": U32([[0, 1]])}, [], "holds a coefficient"),
    ("hashing", {"hashes": U32([[1, 2**31 - 1]])}, [], "holds a coefficient"),
    ("hashing", {"hashes": U32([1, 2])}, [], "'hashes' has the shape"),
    ("hashing", {}, [('_hashes":1', '_hashes":2')], "'hashes' has the shape"),
    ("hashing", {}, [('"num_hashes"', '"hashes"')], "expected num_buckets and"),
    ("hashing", {}, [('_embeddings":40', '_embeddings":4000000000')], r"above 2\^31"),
    ("hash_embedding", {"hashes": U32([[0, 1], [1, 0]])}, [], "holds a coefficient"),
    ("hash_embedding", {}, [('"num_hashes"', '"hashes"')], "expected num_buckets,"),
    ("hash_embedding", {}, [('_embeddings":40', '_embeddings":41')], "'weights' has"),
    ("hash_embedding", {"weights": np.full((40, 2), np.nan, F32)}, [], "'weights' hol"),
    ("hash_embedding", {}, [('_features":17', '_features":16')], "row_features is 16"),
    ("selected", {}, [('"num_rows"', '"rows"')], "expected num_rows"),
    ("selected", {}, [('num_rows":11', 'num_rows":10')], "'embedding' has the shape"),
    ("selected", {"kept.bits": U8([255] * 5)}, [], "40 objects are kept, expected 10"),
    ("selected", {}, [('_embeddings":40', '_embeddings":48')], "'kept.bits' has the"),
    ("selected", {}, [('_embeddings":40', '_embeddings":39')], "beyond the 39 objects"),
    ("selected_run", {"kept.runs": U8([0, 12, 27])}, [], "sums to 39, but"),
    ("selected_run", {"embedding": np.full((13, D), np.inf, F32)}, [], "'embedding'"),
    ("mixed_dimension", {}, [('"num_blocks"', '"blocks"')], "expected num_blocks"),
    ("mixed_dimension", {}, [('_blocks":4', '_blocks":3')], "'blocks.sizes' has the"),
    ("mixed_dimension", {"blocks.sizes": U8([3, 20, 4, 12])}, [], "sums to 39"),
    ("mixed_dimension", {"blocks.sizes": U8([3, 24, 0, 13])}, [], "holds a zero"),
    ("mixed_dimension", {"blocks.features": U8([40, 17, 0, 9])}, [], "holds a zero"),
    (
        "mixed_dimension",
        {"blocks.features": U8([40, 17, 17, 8])},
        [],
        "'blocks.values' has the shape",
    ),
    (
        "mixed_dimension",
        {"projections": np.full((49, D), np.nan, F32)},
        [],
        "'projections' holds NaN",
    ),
]


@pytest.mark.parametrize(("name", "tensors", "header", "message"), DAMAGE)
def test_damaged_files(path, name, tensors, header, message):
    emb = MAKERS[name]()
    ant.compact.save(path, emb, random_params(emb, np.ones))
    rewrite(path, tensors, header)
    with pytest.raises(ValueError, match=message):
        ant.compact.load(path)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A file of each, to be damaged, and a place for the damaged one."""
    folder = tmp_path_factory.mktemp("fuzz")
    whole = []
    for name, maker in MAKERS.items():
        emb = maker()
        ant.compact.save(folder / name, emb, random_params(emb, far_apart()))
        whole.append((folder / name).read_bytes())
    return whole, folder / "damaged"


@settings(max_examples=200)
@given(data=st.data())
def test_damaged_bytes_load_or_raise_value_error(shipped, data):
    whole, path = shipped
    damaged = bytearray(data.draw(st.sampled_from(whole), label="file"))
    # The headers are what a program could stumble over.
    for _ in range(data.draw(st.integers(1, 4), label="flips")):
        at = data.draw(st.integers(0, min(len(damaged) - 1, 700)), label="at")
        damaged[at] = data.draw(st.integers(0, 255), label="byte")
    path.write_bytes(damaged)
    try:
        table = ant.compact.load(path)
    except ValueError:
        return
    assert table.matrix().shape == (table.num_embeddings, table.features)


def test_parameters_that_do_not_fit(tmp_path):
    emb = MixedDimensionEmbedding(4, (2, 3), (4, 2))
    params = random_params(emb, np.ones)
    for changes, message in [
        ({"tables": params.tables[:1]}, "There are 1 tables, .* has 2 blocks"),
        ({"tables": params.tables[::-1]}, r"tables\[0\] has the shape \(3, 2\)"),
        ({"projections": jnp.ones((3, 4))}, r"projections has the shape \(3, 4\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            ant.compact.save(tmp_path / "table", emb, params._replace(**changes))
    assert not list(tmp_path.iterdir())
