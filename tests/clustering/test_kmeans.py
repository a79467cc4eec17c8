"""Seeding and clustering against loops, their distribution, and scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance
from sklearn.cluster import KMeans

from ant_jax.anchors import (
    frequency_then_kmeans,
    k_center,
    kmeans_plus_plus,
    lightweight_coreset,
    lloyd,
    nearest_objects,
)
from ant_jax.clustering import kmeans

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(30, 3)).astype(np.float32)
KEY = jax.random.key(0)


def squares(points, chosen):
    return distance.cdist(points, points[chosen], "sqeuclidean").min(axis=1)


def draw(k, **given):
    def one(key):
        return kmeans_plus_plus(key, LINE, k, **given)

    keys = jax.random.split(jax.random.key(1), 400)
    return np.array([one(key) for key in keys])


LINE = np.array([[0.0], [1.0], [2.0], [4.0]], np.float32)


def test_the_second_is_drawn_by_squared_distance():
    drawn = draw(2, chosen=np.array([0]))[:, 1]
    seen = np.bincount(drawn, minlength=4)
    assert seen[0] == 0
    wanted = np.array([1, 4, 16]) / 21 * len(drawn)
    assert stats.chisquare(seen[1:], wanted).pvalue > 1e-4


def test_the_first_is_drawn_by_weight_and_the_second_by_both():
    weights = np.array([1, 0, 3, 1])
    first, second = draw(2, weights=weights).T
    seen = np.bincount(first, minlength=4)
    assert seen[1] == 0
    wanted = np.array([1, 3, 1]) / 5 * len(first)
    assert stats.chisquare(seen[[0, 2, 3]], wanted).pvalue > 1e-4
    seen = np.bincount(second[first == 2], minlength=4)
    assert seen[1] == seen[2] == 0
    assert stats.chisquare(seen[[0, 3]]).pvalue > 1e-4  # 4 and 4


def test_chosen_objects_come_first_and_none_comes_twice():
    chosen = np.array([7, 3])
    got = np.asarray(kmeans_plus_plus(KEY, POINTS, 30, chosen=chosen))
    assert got[:2].tolist() == [7, 3]
    assert sorted(got.tolist()) == list(range(30))


def test_frequent_objects_come_before_those_that_lie_apart():
    counts = np.ones(30)
    counts[[4, 9]] = [5, 8]
    got = frequency_then_kmeans(KEY, POINTS, counts, 6, 2)
    assert got[:2].tolist() == [9, 4]
    wanted = kmeans_plus_plus(KEY, POINTS, 6, chosen=np.array([9, 4]))
    assert got.tolist() == wanted.tolist()


def test_objects_that_are_all_alike_are_distinct_still():
    got = kmeans_plus_plus(KEY, np.ones((5, 2), np.float32), 5)
    assert sorted(got.tolist()) == list(range(5))


def test_clusters_that_are_far_apart_are_all_found():
    centers = 1000 * np.eye(6)
    points = np.repeat(centers, 20, axis=0) + RNG.normal(size=(120, 6))
    got = np.asarray(kmeans_plus_plus(KEY, points.astype(np.float32), 6))
    assert sorted((got // 20).tolist()) == list(range(6))


def test_the_farthest_are_those_of_a_loop():
    got = k_center(POINTS, 8)
    middle = distance.cdist(POINTS, POINTS.mean(0)[None], "sqeuclidean")
    wanted = [int(middle.argmin())]
    for _ in range(7):
        wanted.append(int(squares(POINTS, wanted).argmax()))
    assert got.tolist() == wanted
    given = k_center(POINTS, 3, chosen=np.array([5]))
    assert given[0] == 5
    assert given[1] == squares(POINTS, [5]).argmax()


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_clusters_are_those_of_scikit_learn(offset):
    points = (POINTS + offset).astype(np.float32)
    start = points[[0, 5, 9, 20]]
    reference = KMeans(4, init=start.astype(np.float64), n_init=1, algorithm="lloyd")
    reference.set_params(tol=0, max_iter=100).fit(points.astype(np.float64))
    centroids, assignment = lloyd(points, start, 100)
    np.testing.assert_array_equal(assignment, reference.labels_)
    np.testing.assert_allclose(
        centroids, reference.cluster_centers_, atol=2e-6 + 1e-6 * offset
    )


def test_weights_count_as_repetitions():
    weights = RNG.integers(0, 4, 30)
    repeated = np.repeat(POINTS, weights, axis=0)
    got, _ = lloyd(POINTS, POINTS[:3], 4, weights=weights)
    wanted, _ = lloyd(repeated, POINTS[:3], 4)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_points_are_assigned_block_by_block(monkeypatch):
    monkeypatch.setattr(kmeans, "_BLOCK", 7)
    points = POINTS[:29]  # a shape that has not been compiled with another block
    _, assignment = lloyd(points, POINTS[:5], 0)
    nearest = distance.cdist(points, POINTS[:5]).argmin(axis=1)
    np.testing.assert_array_equal(assignment, nearest)


def test_a_center_without_points_stays():
    centroids, assignment = lloyd(LINE, np.array([[1.0], [99.0]], np.float32), 3)
    np.testing.assert_allclose(centroids, [[1.75], [99.0]])
    assert assignment.tolist() == [0, 0, 0, 0]


def test_the_nearest_objects_are_distinct():
    centers = np.array([[1.9], [2.1], [0.2]], np.float32)
    assert nearest_objects(LINE, centers).tolist() == [2, 1, 0]


def test_a_coreset_is_right_on_average():
    values = np.exp(POINTS[:, 0])
    sums = []
    for key in jax.random.split(KEY, 300):
        ids, weights = lightweight_coreset(key, POINTS, 8)
        assert ids.shape == weights.shape == (8,)
        sums.append([weights.sum(), weights @ values[ids]])
    error = np.mean(sums, 0) - [30, values.sum()]
    assert (np.abs(error) < 4 * np.std(sums, 0) / np.sqrt(300)).all()


def test_a_coreset_is_drawn_by_its_chances():
    ids, weights = lightweight_coreset(KEY, LINE, 20_000)
    line = LINE[:, 0].astype(np.float64)
    deviation = (line - line.mean()) ** 2
    chances = 1 / 8 + deviation / deviation.sum() / 2
    np.testing.assert_allclose(weights, 1 / (20_000 * chances[ids]), rtol=1e-6)
    assert stats.chisquare(np.bincount(ids), 20_000 * chances).pvalue > 1e-4
    alike = lightweight_coreset(KEY, np.ones((4, 2), np.float32), 3)[1]
    np.testing.assert_allclose(alike, 4 / 3)


CHOSEN = r"chosen must be at most k = 2 distinct ids in \[0, 4\)"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"k": 5}, r"k must be in \[1, 4\]"),
        ({"k": 0}, r"k must be in \[1, 4\]"),
        ({"k": 2, "chosen": np.array([4])}, CHOSEN),
        ({"k": 2, "chosen": np.array([1, 1])}, CHOSEN),
        ({"k": 2, "chosen": np.array([1, 2, 3])}, CHOSEN),
        ({"k": 2, "chosen": np.array([1.0])}, CHOSEN),
        ({"k": 2, "weights": np.array([1, 0, 0, 0])}, "only 1 have a weight above 0"),
        ({"k": 2, "weights": np.ones(3)}, "weights must be 4 finite numbers"),
        ({"k": 2, "weights": -np.ones(4)}, "weights must be 4 finite numbers"),
    ],
)
def test_bad_arguments_are_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        kmeans_plus_plus(KEY, LINE, **arguments)


def test_bad_points_are_refused():
    with pytest.raises(ValueError, match="points must be finite"):
        kmeans_plus_plus(KEY, np.array([[np.nan]], np.float32), 1)
    with pytest.raises(ValueError, match="points must be floats of shape"):
        k_center(np.zeros((3, 2), np.int32), 1)
    with pytest.raises(ValueError, match="do not fit points"):
        lloyd(LINE, np.zeros((2, 3), np.float32), 1)
    with pytest.raises(ValueError, match="num_iterations must be at least 0"):
        lloyd(LINE, LINE[:1], -1)
    with pytest.raises(ValueError, match=r"k must be in \[1, 4\]"):
        nearest_objects(LINE, np.zeros((5, 1), np.float32))
    with pytest.raises(ValueError, match="size must be at least 1"):
        lightweight_coreset(KEY, LINE, 0)


def test_narrow_points_are_compared_in_float32():
    points = jnp.asarray(POINTS, jnp.float16)
    wide = kmeans_plus_plus(KEY, points.astype(jnp.float32), 5)
    assert kmeans_plus_plus(KEY, points, 5).tolist() == wide.tolist()
