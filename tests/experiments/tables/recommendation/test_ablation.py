"""What the ablation shows, and what it must not."""

import json

from experiments.tables import document
from experiments.tables.recommendation import ablation


def test_an_ablation_shows_the_validation_split_only(publisher, results_of):
    rows = ablation.rows()
    del rows["no_biases"]  # as if its T had collapsed
    readme = publisher.readme("recommendation", "ablation")
    document.store(publisher.root, "ablation", ablation.content(results_of(rows)))
    ablation.publish(document.load(publisher.root, "ablation"), publisher.root)
    assert '"value"' not in json.dumps(publisher.stored("ablation")["rows"])
    text = readme.read_text()
    assert "| change | validation MSE at 59.4K | at 29.2K | at 10.8K |" in text
    assert "| no refit | 0.7600 | 0.7700 | 0.7800 |" in text
    assert "| no biases | T became zero |  |  |" in text
