"""What the READMEs show is what the result files hold."""

import shutil

import pytest

from experiments.tables import document, pictures, quickstart
from experiments.tables.recommendation import (
    ablation,
    anchor_grid,
    clusters,
    lazy_rows,
    online,
    pareto,
    ratings,
)
from experiments.tables.recommendation import pictures as recommender_pictures
from experiments.tables.text_classification import accuracy, options
from experiments.tables.text_classification.rows import DATASETS

PUBLISHED = {
    "quickstart": quickstart,
    "movielens_1m": ratings,
    "epinions": ratings,
    "pareto_movielens_1m": pareto,
    "ablation": ablation,
    "anchor_grid": anchor_grid,
    "online": online,
    "lazy_rows": lazy_rows,
    "clusters": clusters,
    "text_options": options,
} | {f"text_{dataset}": accuracy for dataset in DATASETS}
READMES = ("", "experiments/recommendation/", "experiments/text_classification/")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Copies of the READMEs and result files; pictures are not drawn."""
    shutil.copytree(document.ROOT / "results", tmp_path / "results")
    for folder in READMES:
        path = tmp_path / folder / "README.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(document.ROOT / folder / "README.md", path)
    for module in (pictures, recommender_pictures):
        monkeypatch.setattr(module, "save_figure", lambda figure, path: None)
    return tmp_path


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_table_is_that_of_its_file(name, root):
    before = [(root / folder / "README.md").read_text() for folder in READMES]
    PUBLISHED[name].publish(document.load(root, name), root)
    assert [(root / folder / "README.md").read_text() for folder in READMES] == before
