"""What the anchors of movies stand for, and the movies that need no vector.

    python -m experiments.tables.clusters --data_dir=FOLDER --runs=FOLDER --row=ant

After Table 5 and sections 4.4.3 and 4.4.4 of Liang et al., *Anchor & Transform*, ICLR
2021. It trains nothing: it reads the item table that the finished run in
`<runs>/<row>/<seed>` shipped, and writes `results/clusters.json` and the tables of the
program's README.

The cluster of an anchor is the movies with the largest coefficients for it. Its purity
is the share of its movies that have its most common genre; a movie may have several
genres, and counts for each of them. The paper does not define its figure. Since some
genres are common, clusters of movies drawn at random stand beside it.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

import ant_jax as ant
from ant_jax import training
from experiments.data import load_ratings
from experiments.data.movies import Movie, load_movies
from experiments.runner import cli
from experiments.tables import document, paper

_ROOT = Path(__file__).parents[2]
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


def main() -> None:
    """Reads a run and writes its clusters."""
    workdir = training.Workdir(
        Path(flags.FLAGS.runs) / flags.FLAGS.row / str(flags.FLAGS.seed)
    )
    result = workdir.read_result()
    if result is None:
        raise ValueError(f"There is no finished run in {workdir.path}: train it first.")
    config = result["config"]
    budget = flags.FLAGS.budget or ""
    items = read_items(workdir.artifact / budget / "items.safetensors")
    movies = load_movies(config["dataset"], flags.FLAGS.data_dir)
    ratings = load_ratings(
        config["dataset"], flags.FLAGS.data_dir, flags.FLAGS.cache_dir
    )
    counts = dict(
        zip(
            ratings.item_ids,
            np.bincount(ratings.items, minlength=len(ratings.item_ids)).tolist(),
            strict=True,
        )
    )
    found = clusters(items, movies, flags.FLAGS.size)
    content = {
        "table": "clusters",
        "row": flags.FLAGS.row,
        "budget": flags.FLAGS.budget,
        "movies": len(items.names),
        "cluster_size": flags.FLAGS.size,
        "purity": purity([[movie.genres for movie in members] for members in found]),
        "purity_of_random_clusters": random_purity(
            [movies[name].genres for name in items.names],
            [len(members) for members in found],
            np.random.default_rng(flags.FLAGS.seed),
        ),
        "zero_rows": zero_rows(items, counts),
        "clusters": [describe(members) for members in found],
        "config": {k: v for k, v in config.items() if k != "data_dir"},
        **{key: result[key] for key in ("seed", "commit", "device")},
    }
    write_table(content, _ROOT)
    print(markdown(content))


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
      ValueError: the size is not positive, or a movie is not known.
    """
    if size < 1:
        raise ValueError(f"A cluster needs at least one movie, not {size}.")
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
    # Of several as common, the first by name.
    genre, count = min(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return genre, count / len(members)


def purity(found: Sequence[Sequence[Genres]]) -> float:
    """Share of all movies of clusters that have the most common genre of theirs."""
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


def write_table(content: dict[str, Any], root: Path) -> None:
    """Writes the result file and the README's tables below `root`."""
    document.store(root, "clusters", content)
    document.describe(root, "clusters", markdown(content))


def markdown(content: Mapping[str, Any]) -> str:
    """Figures beside the published ones, and the purest clusters of some genres."""
    zeros = content["zero_rows"]
    lines = [
        "| | published, MovieLens 25M | ours | random clusters |",
        "|---|---|---|---|",
        f"| genre purity | {paper.figure('genre_purity')} % | {content['purity']:.1%} |"
        f" {content['purity_of_random_clusters']:.1%} |",
        f"| movies without a vector | {int(paper.figure('zero_rows')):,} |"
        f" {zeros['count']:,} of {content['movies']:,} | |",
        f"| share of them with one rating | {paper.figure('single_rating')} % |"
        f" {_percent(zeros['share_with_one_rating'])} | |",
        f"| of the {zeros['movies_with_one_rating']:,} movies with one rating, without"
        f" a vector | | {_percent(zeros['share_of_those'])} | |",
        "",
        "| cluster | purity | its first movies |",
        "|---|---|---|",
    ]
    purest: dict[str, Mapping[str, Any]] = {}
    for cluster in sorted(content["clusters"], key=lambda c: -c["purity"]):
        purest.setdefault(cluster["genre"], cluster)
    for genre, cluster in list(purest.items())[:_EXAMPLES]:
        titles = "; ".join(movie["title"] for movie in cluster["examples"])
        lines.append(f"| {genre} | {cluster['purity']:.0%} | {titles} |")
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


if __name__ == "__main__":
    flags.DEFINE_string("data_dir", None, "Folder of the data set.", required=True)
    flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
    flags.DEFINE_string("runs", None, "Folder of finished runs.", required=True)
    flags.DEFINE_string("row", "ant", "Row whose movies are looked at.")
    flags.DEFINE_integer("seed", 0, "Seed of the run, and of the random clusters.")
    flags.DEFINE_string("budget", None, "Budget of the run; the last if not given.")
    flags.DEFINE_integer("size", 10, "Most movies of a cluster.")
    cli.run(main)
