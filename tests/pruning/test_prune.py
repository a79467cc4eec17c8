"""Pruning against a loop, and against a search over every threshold."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import strategies as st

import ant_jax as ant
from ant_jax.embeddings import SparseParams
from ant_jax.pruning import num_nonzeros, prune, prune_to_size, prune_to_tolerance


def params_of(seed, vocab=9, anchors=3, features=4):
    emb = ant.AnchorEmbedding(vocab, features, anchors)
    return emb.init(jax.random.key(seed))


@hypothesis.given(
    seed=st.integers(0, 1000), threshold=st.floats(0, 1, allow_subnormal=False)
)
def test_entries_are_dropped_by_what_they_add(seed, threshold):
    params = params_of(seed)
    pruned = prune({"a": params, "b": jnp.ones(3)}, threshold)
    np.testing.assert_array_equal(pruned["b"], np.ones(3))
    np.testing.assert_array_equal(pruned["a"].anchors, params.anchors)
    for v in range(9):
        for k in range(3):
            added = np.asarray(params.transform[v, k] * params.anchors[k])
            length = float(np.sqrt(np.sum(added.astype(np.float64) ** 2)))
            got = float(pruned["a"].transform[v, k])
            if abs(length - threshold) > 1e-5:
                assert got == (
                    float(params.transform[v, k]) if length > threshold else 0
                )


def test_pruning_does_not_care_where_a_factor_sits():
    params = params_of(0)
    moved = ant.AnchorParams(params.anchors * 8, params.transform / 8)
    for threshold in (0.05, 0.2, 0.5):
        same = prune(params, threshold).transform == 0
        np.testing.assert_array_equal(same, prune(moved, threshold).transform == 0)


@hypothesis.settings(max_examples=15)
@hypothesis.given(
    seed=st.integers(0, 1000), tolerance=st.sampled_from([0.0, 0.01, 0.3])
)
@hypothesis.example(seed=0, tolerance=0.01)  # only the shortest may go
def test_as_much_is_dropped_as_the_tolerance_allows(seed, tolerance):
    params = params_of(seed)
    target = params.transform @ params.anchors

    def error(candidate):
        table = candidate.transform @ candidate.anchors
        return 1.0 + float(jnp.sum(jnp.square(table - target)))

    pruned, value = prune_to_tolerance(params, error, tolerance)
    assert value == error(pruned) <= (1 + tolerance) * error(params)
    lengths = np.asarray(
        params.transform * np.linalg.norm(params.anchors, axis=1)[None, :]
    )
    counts = [
        int((prune(params, float(c)).transform != 0).sum())
        for c in np.sort(lengths.ravel())
        if error(prune(params, float(c))) <= (1 + tolerance) * error(params)
    ]
    fewest = min(counts, default=27)
    assert int((pruned.transform != 0).sum()) <= fewest


def test_entries_of_a_sparse_table_add_what_they_are():
    params = {"a": SparseParams(jnp.array([[0.1, -2.0], [-0.5, 0.0]])), "b": 1.0}
    pruned = prune(params, 0.5)
    assert type(pruned["a"]) is SparseParams
    assert pruned["a"].embedding.tolist() == [[0, -2], [0, 0]]
    assert pruned["b"] == 1.0

    def error(candidate):
        return 1 + float(jnp.sum(jnp.abs(params["a"][0] - candidate["a"][0])))

    pruned, value = prune_to_tolerance(params, error, 0.2)
    assert pruned["a"].embedding.tolist() == [[0, -2], [-0.5, 0]]
    assert value == pytest.approx(1.1)


def test_sparse_tables_and_transforms_share_one_budget():
    anchors = ant.AnchorParams(jnp.array([[3.0, 4.0]]), jnp.array([[0.1], [1.0]]))
    params = [anchors, SparseParams(jnp.array([[0.4, -2.0], [0.6, 0.0]]))]
    pruned = prune_to_size(params, 3)  # lengths 0.5, 5 and 0.4, 2, 0.6
    assert pruned[0].transform.tolist() == [[0], [1]]
    np.testing.assert_allclose(pruned[1].embedding, [[0, -2], [0.6, 0]])


@pytest.mark.parametrize("size", [0, 1, 20, 53, 54, 100])
def test_a_size_is_met_exactly_with_the_longest_entries(size):
    params = {"users": params_of(0), "items": params_of(1)}
    pruned = prune_to_size(params, size)
    kept, dropped = [], []
    for name, table in params.items():
        lengths = np.asarray(table.transform) * np.linalg.norm(table.anchors, axis=1)
        stays = np.asarray(pruned[name].transform != 0)
        kept += list(lengths[stays])
        dropped += list(lengths[~stays])
    assert len(kept) == min(size, 54)
    assert max(dropped, default=0) <= min(kept, default=np.inf)
    with pytest.raises(ValueError, match="at least 0"):
        prune_to_size(params, -1)


def curved(seed):
    """Tables of both kinds, and a curvature of which some is zero."""
    params = [params_of(seed), SparseParams(params_of(seed + 1).transform - 0.3), 1.0]
    draw = np.random.default_rng(seed).exponential
    curvature = jax.tree.map(
        lambda x: jnp.asarray(np.maximum(draw(size=np.shape(x)) - 0.2, 0), jnp.float32),
        params,
    )
    return params, curvature


def worths_of(params, curvature):
    """Worth of every entry, by table and place."""
    pairs = [
        (params[0].transform, curvature[0].transform),
        (params[1].embedding, curvature[1].embedding),
    ]
    worths = [np.asarray(h) * np.asarray(values) ** 2 for values, h in pairs]
    return {
        (table, place): float(worth)
        for table, found in enumerate(worths)
        for place, worth in np.ndenumerate(found)
    }


def left_of(pruned):
    tables = (pruned[0].transform, pruned[1].embedding)
    return {
        (table, place)
        for table, values in enumerate(tables)
        for place in zip(*(x.tolist() for x in np.nonzero(values)), strict=True)
    }


@hypothesis.settings(max_examples=20)
@hypothesis.given(seed=st.integers(0, 1000), threshold=st.sampled_from([0, 0.01, 0.3]))
def test_entries_are_dropped_by_what_the_loss_would_rise(seed, threshold):
    params, curvature = curved(seed)
    left = left_of(prune(params, threshold, curvature))
    for key, worth in worths_of(params, curvature).items():
        if worth == 0 or abs(worth - threshold) > 1e-6:
            assert (key in left) == (worth > threshold)


@pytest.mark.parametrize("size", [0, 1, 17, 40, 53])
def test_a_size_is_met_with_what_the_loss_needs_most(size):
    params, curvature = curved(5)
    pruned = prune_to_size(params, size, curvature)
    left, worths = left_of(pruned), worths_of(params, curvature)
    dropped = [worth for key, worth in worths.items() if key not in left]
    # An entry that the loss does not feel goes even where there would be room.
    assert len(left) == min(size, sum(worth > 0 for worth in worths.values()))
    assert max(dropped) <= min((worths[key] for key in left), default=np.inf)
    assert 0 < sum(worth == 0 for worth in worths.values()) < 20


def test_a_tolerance_drops_in_the_order_of_the_curvature():
    params, curvature = curved(7)
    worths = worths_of(params, curvature)

    def error(candidate):
        return 1.0 + sum(worths[key] for key in worths.keys() - left_of(candidate))

    pruned, value = prune_to_tolerance(params, error, 0.2, curvature)
    total, expected = 1.0, set(worths)
    for key in sorted(worths, key=worths.get):
        total += worths[key]
        if total > 1.2:
            break
        expected.discard(key)
    assert left_of(pruned) == expected
    assert value == error(pruned) <= 1.2


def test_flax_trees_are_pruned_as_named_tuples_are():
    params = params_of(4)
    size = num_nonzeros(params) // 2
    expected = prune_to_size(params, size).transform
    variables = {"params": {"embed": params._asdict(), "dense": jnp.ones(3)}}
    pruned = prune_to_size(variables, size)
    np.testing.assert_array_equal(pruned["params"]["embed"]["transform"], expected)
    layer = ant.nnx.AnchorEmbed(9, 4, 3, rngs=nnx.Rngs(0))
    state = nnx.state(layer)
    state["anchors"][...], state["transform"][...] = params
    pruned = prune_to_size(state, size)
    np.testing.assert_array_equal(pruned["transform"][...], expected)
    assert num_nonzeros(pruned) == size


@pytest.mark.parametrize(
    "call",
    [
        num_nonzeros,
        lambda tree: prune(tree, 1e9),
        lambda tree: prune_to_size(tree, 1),
        lambda tree: prune_to_tolerance(tree, lambda _: 1.0, 0.1),
    ],
)
def test_a_tree_without_a_table_is_refused(call):
    with pytest.raises(ValueError, match=r"Found no sparse table.*dense\.kernel"):
        call({"dense": {"kernel": jnp.ones((2, 2))}})


def test_an_ensemble_is_pruned_as_its_models_are():
    # Of as many features as anchors, so that a wrong axis would have the right size.
    models = [params_of(seed, features=3) for seed in (1, 2)]
    ensemble = {"embed": jax.tree.map(lambda *x: jnp.stack(x), *models)._asdict()}
    pruned = prune(ensemble, 0.1)["embed"]["transform"]
    for index, model in enumerate(models):
        np.testing.assert_array_equal(pruned[index], prune(model, 0.1).transform)
    assert 0 < num_nonzeros({"embed": {**ensemble["embed"], "transform": pruned}}) < 54
