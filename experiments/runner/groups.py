"""The parts that settings are listed in by --help."""

from experiments.runner.settings import group

data = group("data")
embedding = group("embedding")
anchors = group("anchors")
nbant = group("nbant")
clusters = group("clusters")
baselines = group("baselines")
relations = group("relations")
encoder = group("encoder")
pruning = group("pruning")
training = group("training")
