"""What the anchors of movies stand for, and the movies that need no vector.

    python -m experiments.tables.recommendation.clusters --data_dir=DIR --runs=DIR

After Table 5 and sections 4.4.3 and 4.4.4 of Liang et al., *Anchor & Transform*, ICLR
2021. It trains nothing: it reads the item table that the finished run in
`<runs>/<row>/<seed>` shipped, and writes `results/clusters.json` and the tables of the
program's README.

The cluster of an anchor is the movies with the largest coefficients for it. Its purity
is the share of its movies that have its most common genre; a movie may have several
genres, and counts for each of them. The paper does not define the purity that it
reports. Since some genres are common, clusters of movies drawn at random stand beside
it.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

import ant_jax as ant
from experiments.data import load_ratings
from experiments.data.movies import Movie, load_movies
from experiments.recommendation.task import Recommendation
from experiments.runner import cli
from experiments.runner.settings import SettingError
from experiments.runner.workdir import Workdir
from experiments.tables import document, markdown, paper, program
from experiments.tables.runs import defaults, settings

_DRAWS = 200  # of random clusters
_EXAMPLES = 4  # clusters, and movies of each, that the README shows

Genres = Sequence[str]  # of one movie


@dataclasses.dataclass(frozen=True, eq=False)
class Items:
    """The movies of a shipped table.

    Attributes:
      names: their ids in the data set, V.
      transform: T, (V, K).
    """

    names: tuple[str, ...]
    transform: np.ndarray


def measure() -> dict[str, Any]:
    """Reads a run and finds its clusters.

    Raises:
      SettingError: there is no such run.
    """
    values = flags.FLAGS
    if values.runs is None:
        raise SettingError("Give the folder of finished runs: --runs.")
    workdir = Workdir(Path(values.runs) / values.row / str(values.seed))
    result = workdir.read_result()
    if result is None:
        raise SettingError(f"There is no finished run in {workdir.path}: train it.")
    dataset = result["dataset"]
    items = read_items(workdir.artifact / (values.budget or "") / "items.safetensors")
    movies = load_movies(dataset, values.data_dir)
    ratings = load_ratings(dataset, values.data_dir, values.cache_dir)
    rated = np.bincount(ratings.items, minlength=len(ratings.item_ids)).tolist()
    found = clusters(items, movies, values.size)
    return {
        "table": "clusters",
        "row": values.row,
        "budget": values.budget,
        "movies": len(items.names),
        "cluster_size": values.size,
        "purity": purity([[movie.genres for movie in members] for members in found]),
        "purity_of_random_clusters": random_purity(
            [movies[name].genres for name in items.names],
            [len(members) for members in found],
            np.random.default_rng(values.seed),
        ),
        "zero_rows": zero_rows(items, dict(zip(ratings.item_ids, rated, strict=True))),
        "clusters": [describe(members) for members in found],
        "defaults": defaults(Recommendation),
        "config": settings(Recommendation, result),
        **{key: result[key] for key in ("seed", "commit", "device")},
    }


def read_items(path: Path) -> Items:
    """Reads ids and transform of a shipped table of anchors.

    Raises:
      OSError: there is no such file.
      ValueError: it is damaged, has no anchors, or no names.
    """
    table = ant.compact.load(path)
    if table.method != "ant" or table.vocab is None:
        raise ValueError(
            f"{path} holds a table of method {table.method!r}: clusters need one of "
            "anchors, with the names of its objects."
        )
    transform, _ = table.factors()
    return Items(table.vocab, transform)


def clusters(items: Items, movies: Mapping[str, Movie], size: int) -> list[list[Movie]]:
    """The movies with the largest coefficients for each anchor, largest first.

    Args:
      items: the table.
      movies: by id.
      size: most movies of a cluster; those without a coefficient are in none.

    Returns:
      A cluster for every anchor that some movie uses.

    Raises:
      SettingError: the size is not positive.
      ValueError: a movie is not known.
    """
    if size < 1:
        raise SettingError(f"A cluster needs at least one movie, not {size}.")
    unknown = next((name for name in items.names if name not in movies), None)
    if unknown is not None:
        raise ValueError(f"Movie {unknown!r} of the table is not among the titles.")
    found = []
    for column in items.transform.T:
        order = np.argsort(-column, kind="stable")[:size]
        members = [movies[items.names[row]] for row in order if column[row] > 0]
        if members:
            found.append(members)
    return found


def common_genre(members: Sequence[Genres]) -> tuple[str | None, float]:
    """The most common genre of some movies, and the share of them that have it."""
    counts = Counter(genre for genres in members for genre in set(genres))
    if not counts:
        return None, 0.0
    # Where several are as common, the first by name.
    genre, count = min(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return genre, count / len(members)


def purity(found: Sequence[Sequence[Genres]]) -> float:
    """Share of all movies that have the most common genre of their cluster."""
    sizes = [len(members) for members in found]
    shares = [common_genre(members)[1] for members in found]
    return float(np.average(shares, weights=sizes))


def random_purity(
    genres: Sequence[Genres], sizes: Sequence[int], rng: np.random.Generator
) -> float:
    """The mean purity of clusters of these sizes whose movies are drawn at random."""
    draws = []
    for _ in range(_DRAWS):
        chosen = [rng.choice(len(genres), size, replace=False) for size in sizes]
        draws.append(purity([[genres[row] for row in rows] for rows in chosen]))
    return float(np.mean(draws))


def zero_rows(items: Items, counts: Mapping[str, int]) -> dict[str, Any]:
    """How many movies have no coefficient, and how often those are rated.

    Args:
      items: the table.
      counts: ratings of every movie in the whole data set, by id.
    """
    ratings = np.array([counts[name] for name in items.names])
    zero = ~np.any(items.transform != 0, axis=1)
    single = ratings == 1
    both = int(np.sum(zero & single))
    return {
        "count": int(zero.sum()),
        "share_with_one_rating": both / int(zero.sum()) if zero.any() else None,
        "median_ratings": float(np.median(ratings[zero])) if zero.any() else None,
        "movies_with_one_rating": int(single.sum()),
        "share_of_those": both / int(single.sum()) if single.any() else None,
    }


def describe(members: Sequence[Movie]) -> dict[str, Any]:
    """A cluster in the result file, with the titles of its first few movies."""
    genre, share = common_genre([movie.genres for movie in members])
    examples = [
        {"title": movie.title, "genres": list(movie.genres)}
        for movie in members[:_EXAMPLES]
    ]
    return {
        "genre": genre,
        "purity": share,
        "movies": len(members),
        "examples": examples,
    }


def publish(content: program.Content, root: Path) -> None:
    """Writes the README's tables below `root`."""
    text = f"{_numbers(content)}\n\n{_examples(content['clusters'])}"
    document.describe(root, "recommendation", "clusters", text)


def _numbers(content: Mapping[str, Any]) -> str:
    """What we measured beside what was published."""
    zeros, movies = content["zero_rows"], content["movies"]
    single, share = zeros["movies_with_one_rating"], zeros["share_with_one_rating"]
    return markdown.table(
        " | published, MovieLens 25M | ours | random clusters",
        [
            f"genre purity | {paper.value('genre_purity')} % | {content['purity']:.1%}"
            f" | {content['purity_of_random_clusters']:.1%}",
            f"movies without a vector | {int(paper.value('zero_rows')):,}"
            f" | {zeros['count']:,} of {movies:,} | ",
            f"share of them with one rating | {paper.value('single_rating')} %"
            f" | {_percent(share)} | ",
            f"share of the {single:,} movies with one rating that have no vector | "
            f" | {_percent(zeros['share_of_those'])} | ",
        ],
    )


def _examples(found: Sequence[Mapping[str, Any]]) -> str:
    """The purest clusters of some genres."""
    purest: dict[str, Mapping[str, Any]] = {}
    for cluster in sorted(found, key=lambda c: -c["purity"]):
        purest.setdefault(cluster["genre"], cluster)
    rows = []
    for genre, cluster in list(purest.items())[:_EXAMPLES]:
        titles = "; ".join(movie["title"] for movie in cluster["examples"])
        rows.append(f"{genre} | {cluster['purity']:.0%} | {titles}")
    return markdown.table("cluster | purity | its first movies", rows)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


if __name__ == "__main__":
    flags.DEFINE_string("data_dir", None, "Folder of the data set.")
    flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
    flags.DEFINE_string("runs", None, "Folder of finished runs.")
    flags.DEFINE_string("row", "ant", "Row whose movies are looked at.")
    flags.DEFINE_integer("seed", 0, "Seed of the run, and of the random clusters.")
    flags.DEFINE_string("budget", None, "Budget of the run; the last if not given.")
    flags.DEFINE_integer("size", 10, "Most movies of a cluster.")
    program.define_from_results()
    cli.run(lambda: program.main("clusters", measure, dict, publish))
