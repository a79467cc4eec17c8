"""Clusters of movies by their coefficients, and their purity."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from experiments.data.movies import Movie
from experiments.tables import document
from experiments.tables.recommendation import clusters

MOVIES = {
    "10": Movie("A", ("Drama", "War")),
    "20": Movie("B", ("Drama",)),
    "30": Movie("C", ("Comedy",)),
    "40": Movie("D", ()),
    "50": Movie("E", ("Comedy", "Drama")),
}
TRANSFORM = np.array(
    [
        [0.1, 0.0, 0.0],
        [0.9, 0.0, 0.0],
        [0.5, 0.2, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 0.4, 0.0],
    ],
    np.float32,
)


def table(path):
    embedding = ant.AnchorEmbedding(5, features=2, num_anchors=3)
    params = ant.AnchorParams(jnp.ones((3, 2)), jnp.asarray(TRANSFORM))
    ant.compact.save(path, embedding, params, list(MOVIES))


def test_a_shipped_table_gives_back_its_transform(tmp_path):
    table(tmp_path / "items.safetensors")
    items = clusters.read_items(tmp_path / "items.safetensors")
    np.testing.assert_array_equal(items.transform, TRANSFORM)
    assert items.names == tuple(MOVIES)


def test_a_table_without_anchors_or_names_is_refused(tmp_path):
    full = ant.FullEmbedding(2, features=1)
    params = ant.FullParams(jnp.ones((2, 1)))
    ant.compact.save(tmp_path / "full", full, params, ["1", "2"])
    with pytest.raises(ValueError, match="method 'full': clusters need"):
        clusters.read_items(tmp_path / "full")


def test_a_cluster_is_the_largest_coefficients_of_an_anchor():
    items = clusters.Items(tuple(MOVIES), TRANSFORM)
    found = clusters.clusters(items, MOVIES, 2)
    # Nobody uses the third anchor.
    assert [[movie.title for movie in members] for members in found] == [
        ["B", "C"],
        ["E", "C"],
    ]
    whole = clusters.clusters(items, MOVIES, 9)
    assert [len(members) for members in whole] == [3, 2]
    with pytest.raises(ValueError, match="Movie '50' of the table"):
        clusters.clusters(items, {k: v for k, v in MOVIES.items() if k != "50"}, 2)
    with pytest.raises(ValueError, match="at least one movie"):
        clusters.clusters(items, MOVIES, 0)


def test_purity_is_the_share_with_the_most_common_genre():
    first = [("Drama", "War"), ("Drama",), ("Comedy",)]
    second = [("Comedy",)]
    assert clusters.common_genre(first) == ("Drama", 2 / 3)
    # Each movie counts once, whatever the sizes of the clusters.
    assert clusters.purity([first, second]) == pytest.approx(3 / 4)
    assert clusters.common_genre([(), ()]) == (None, 0.0)
    assert clusters.common_genre([("B",), ("A",)]) == ("A", 0.5)
    assert clusters.common_genre([("A", "A"), ("B",), ("B",)]) == ("B", 2 / 3)


def test_random_clusters_have_the_mean_purity_of_all_draws():
    genres = [("A",), ("A",), ("A",), ("B",), ("A", "C")]
    pairs = itertools.combinations(genres, 2)
    want = np.mean([clusters.common_genre(pair)[1] for pair in pairs])
    rng = np.random.default_rng(0)
    got = clusters.random_purity(genres, [2] * 40, rng)
    # 8,000 pairs, each of deviation below a quarter.
    assert got == pytest.approx(want, abs=0.02)


def test_zero_rows_are_counted_beside_their_ratings():
    items = clusters.Items(("a", "b", "c", "d"), np.array([[0.0], [1], [0], [0]]))
    got = clusters.zero_rows(items, {"a": 1, "b": 1, "c": 7, "d": 3, "e": 1})
    assert got == {
        "count": 3,
        "share_with_one_rating": 1 / 3,
        "median_ratings": 3.0,
        "movies_with_one_rating": 2,
        "share_of_those": 1 / 2,
    }
    none = clusters.zero_rows(clusters.Items(("a",), np.ones((1, 1))), {"a": 2})
    assert none["count"] == 0
    assert none["share_with_one_rating"] is None


def test_result_file_and_table_are_written(publisher):
    readme = publisher.readme("recommendation", "clusters")
    items = clusters.Items(tuple(MOVIES), TRANSFORM)
    found = clusters.clusters(items, MOVIES, 3)
    content = {
        "table": "clusters",
        "movies": 5,
        "purity": 0.75,
        "purity_of_random_clusters": 0.5,
        "zero_rows": clusters.zero_rows(items, dict.fromkeys(MOVIES, 2)),
        "clusters": [clusters.describe(members) for members in found],
    }
    document.store(publisher.root, "clusters", content)
    clusters.publish(document.load(publisher.root, "clusters"), publisher.root)
    assert publisher.stored("clusters") == content
    text = readme.read_text()
    assert "| genre purity | 61.7 % | 75.0% | 50.0% |" in text
    assert "| movies without a vector | 2,673 | 1 of 5 |  |" in text
    assert "| Comedy | 100% | E; C |" in text
