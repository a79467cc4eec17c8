"""Movies in the publisher's layouts."""

import lzma

import numpy as np
import pytest

from experiments.data import load_ratings
from experiments.data.errors import DataError, DataFileError
from experiments.data.movies import Movie, load_movies

FLAGS = "|".join("0001000000000100000")
FILES = {
    "movielens_100k": (
        "ml-100k/u.item",
        "latin-1",
        f"7|Am\xe9lie (2001)|01-Jan-1995||http://x|{FLAGS}\n"
        f"8|Heat\x85 (1995)|||{'|0' * 19}\n",
        ("Animation", "Mystery"),
    ),
    "movielens_1m": (
        "ml-1m/movies.dat",
        "latin-1",
        "7::Am\xe9lie (2001)::Animation|Children's\n8::Heat\x85 (1995)::\n",
        ("Animation", "Children's"),
    ),
    "movielens_10m": (
        "ml-10M100K/movies.dat",
        "utf-8",
        "7::Am\xe9lie (2001)::Animation|Children\n"
        "8::Heat\x85 (1995)::(no genres listed)",
        ("Animation", "Children"),
    ),
    "movielens_20m": (
        "ml-20m/movies.csv",
        "utf-8",
        "movieId,title,genres\r\n7,Am\xe9lie (2001),Comedy\r\n"
        "8,Heat\x85 (1995),(no genres listed)\r\n",
        ("Comedy",),
    ),
    "movielens_25m": (
        "ml-25m/movies.csv",
        "utf-8-sig",
        'movieId,title,genres\n7,"Am\xe9lie (2001)",Comedy|War\n\n'
        '8,"Heat\x85 (1995)",(no genres listed)\n',
        ("Comedy", "War"),
    ),
}


def write(tmp_path, dataset, content=None):
    name, encoding, good, _ = FILES[dataset]
    path = tmp_path / name
    path.parent.mkdir()
    path.write_bytes((good if content is None else content).encode(encoding))
    return path


@pytest.mark.parametrize("dataset", FILES)
@pytest.mark.parametrize("where", ["folder", "parent", "file"])
def test_layouts(tmp_path, dataset, where):
    path = write(tmp_path, dataset)
    data_dir = {"folder": path.parent, "parent": tmp_path, "file": path}[where]
    genres = FILES[dataset][-1]
    assert load_movies(dataset, str(data_dir)) == {
        "7": Movie("Am\xe9lie (2001)", genres),
        "8": Movie("Heat\x85 (1995)", ()),
    }


def test_title_with_quotes_and_commas(tmp_path):
    write(
        tmp_path,
        "movielens_25m",
        'movieId,title,genres\n7,"""Great"" Heat, The (1995)",War\n',
    )
    (movie,) = load_movies("movielens_25m", str(tmp_path)).values()
    assert movie.title == '"Great" Heat, The (1995)'


def test_packed(tmp_path):
    path = write(tmp_path, "movielens_1m")
    content = path.read_bytes()
    path.unlink()
    with lzma.open(f"{path}.xz", "wb") as stream:
        stream.write(content)
    assert set(load_movies("movielens_1m", str(tmp_path))) == {"7", "8"}


@pytest.mark.parametrize(
    ("dataset", "line", "problem"),
    [
        ("movielens_1m", "9::Heat", "2 fields instead of 3"),
        ("movielens_1m", "x::Heat::War", "the movie is 'x', not a number"),
        ("movielens_1m", "7::Heat::War", "the movie 7 occurs a second time"),
        ("movielens_25m", "9,Heat, The,War", "4 fields instead of 3"),
        ("movielens_25m", ",Heat,War", "the movie is '', not a number"),
        ("movielens_100k", "9|Heat|||", "5 fields instead of 24"),
        ("movielens_100k", f"9|Heat|||{'|2' * 19}", "the flags are 2 2 .* 2, not 0 or"),
    ],
)
def test_names_the_bad_line(tmp_path, dataset, line, problem):
    good = FILES[dataset][2]
    path = write(tmp_path, dataset, good + line + "\n")
    number = 1 + good.count("\n")
    with pytest.raises(DataFileError, match=f"line {number}: {problem}") as info:
        load_movies(dataset, str(tmp_path))
    assert str(path) in str(info.value)


def test_wrong_header_is_a_bad_line(tmp_path):
    write(tmp_path, "movielens_25m", "id,title,genres\n7,Heat,War\n")
    with pytest.raises(DataFileError, match="line 1: the movie is 'id'"):
        load_movies("movielens_25m", str(tmp_path))


def test_text_that_is_not_utf8(tmp_path):
    path = write(tmp_path, "movielens_10m")
    path.write_bytes(b"7::Heat::War\n8::Am\xe9lie::War\n")
    with pytest.raises(DataFileError, match="line 2: not UTF-8"):
        load_movies("movielens_10m", str(tmp_path))


@pytest.mark.parametrize(
    ("dataset", "content"),
    [("movielens_1m", ""), ("movielens_25m", "movieId,title,genres\n")],
)
def test_empty(tmp_path, dataset, content):
    write(tmp_path, dataset, content)
    with pytest.raises(DataFileError, match="holds no movies"):
        load_movies(dataset, str(tmp_path))


def test_missing(tmp_path):
    with pytest.raises(DataFileError, match=r"No movies\.csv .* in .*ml-25m or"):
        load_movies("movielens_25m", str(tmp_path))
    with pytest.raises(DataError, match="movielens_25m, not for 'csv'"):
        load_movies("csv", str(tmp_path))


def test_movielens_1m(data_dir, tmp_path):
    if not (data_dir / "ml-1m").is_dir():
        pytest.skip("no folder ml-1m in ANT_JAX_DATA")
    movies = load_movies("movielens_1m", str(data_dir))
    assert len(movies) == 3_883
    assert movies["1"] == Movie(
        "Toy Story (1995)", ("Animation", "Children's", "Comedy")
    )
    assert movies["73"].title == "Mis\xe9rables, Les (1995)"
    assert len({genre for movie in movies.values() for genre in movie.genres}) == 18
    ratings = load_ratings("movielens_1m", str(data_dir), str(tmp_path))
    # Every movie that was rated has a title.
    assert np.all([name in movies for name in ratings.item_ids])
