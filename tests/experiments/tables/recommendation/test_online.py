"""Online nbANT over a small stream, from end to end."""

import json

import numpy as np
import pytest

from experiments.recommendation.input_pipeline import Examples, Splits
from experiments.tables import document
from experiments.tables.recommendation import online


def examples(size):
    ids = np.arange(size, dtype=np.int32)
    return Examples(ids, ids + 100, ids.astype(np.float32))


def test_a_stream_holds_every_rating_once_and_no_test_rating():
    splits = Splits(examples(23), examples(9), examples(5))
    stream = online.cut(splits, 4)
    assert len(stream) == 4
    for part, whole, size in ((0, splits.train, 5), (1, splits.validation, 2)):
        for column in range(3):
            joined = np.concatenate([chunk[part][column] for chunk in stream])
            np.testing.assert_array_equal(joined, whole[column][: 4 * size])
    with pytest.raises(ValueError, match="10 chunks cannot be cut from 23 training"):
        online.cut(splits, 10)
    with pytest.raises(ValueError, match="0 chunks cannot"):
        online.cut(splits, 0)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("online")
    ratings = folder / "ratings.csv"
    numbers = np.random.default_rng(0).permutation(30 * 20)[:500]
    lines = [f"u{n // 20},i{n % 20},{1 + (n // 20 + n) % 5}" for n in numbers]
    ratings.write_text("\n".join(["user,item,rating", *lines]) + "\n")
    config = online.online_config(
        dataset="csv",
        data_dir=str(ratings),
        batch_size=16,
        features=2,
        user_anchors=3,
        item_anchors=3,
        max_anchors=6,
        epochs=3,
    )
    result = online.train(config, 4, folder / "run", str(folder / "cache"))
    again = online.train(config, 4, folder / "run", str(folder / "cache"))
    assert again == json.loads(json.dumps(result))
    return result


@pytest.mark.slow
def test_the_anchors_adapt_from_chunk_to_chunk(result):
    rows = result["chunks"]
    assert [row["chunk"] for row in rows] == [1, 2, 3, 4]
    assert rows[0]["anchors_users"] == 3
    assert len({row["anchors_users"] for row in rows}) > 1
    assert result["anchors"] == {
        name: rows[-1][f"anchors_{name}"] for name in ("users", "items")
    }
    assert result["epochs"] == sum(row["passes"] for row in rows) <= 12
    assert rows[-1]["emb_params"] == result["emb_params"]
    assert np.isfinite(result["value"])


@pytest.mark.slow
def test_result_file_picture_and_table_are_written(result, publisher):
    readme = publisher.readme("recommendation", "online")
    document.store(publisher.root, "online", online.content(result))
    online.publish(document.load(publisher.root, "online"), publisher.root)
    stored = publisher.stored("online")
    assert "data_dir" not in json.dumps(stored)
    assert stored["chunks"] == result["chunks"]
    assert stored["config"]["max_anchors"] == 6
    assert publisher.drawn("online")
    users = [row["anchors_users"] for row in result["chunks"]]
    course = f"{users[0]} / {max(users)} / {users[-1]}"
    assert f"| ours, users | 4 | {course} |" in readme.read_text()
    assert "| published |  | 10 / 26 / 8-10 |  |  |" in readme.read_text()
