"""Whether clusters that were trained with noise are what is shipped without."""

import dataclasses
from typing import Any

import ant_jax as ant
from ant_jax.report import cluster_summary
from experiments.text_classification.finish import Run
from experiments.text_classification.models import Classifier, ClassifierParams


@dataclasses.dataclass(frozen=True)
class _Soft:
    """An embedding that gives each word its mean vector over all clusters."""

    embedding: Any

    @property
    def features(self) -> int:
        return int(self.embedding.features)

    def lookup(self, params: Any, ids: Any) -> Any:
        return self.embedding.soft_lookup(params, ids)


def cluster_figures(
    run: Run, model: Classifier, params: ClassifierParams
) -> dict[str, Any] | None:
    """How settled the clusters are, and what the model would score if they were soft.

    Returns:
      The fields of `ant_jax.report.ClusterSummary`, and `soft_validation`, the accuracy
      in percent with mean vectors; None for an embedding without clusters.
    """
    if not hasattr(model.embedding, "soft_lookup"):
        return None
    embedding: Any = _Soft(model.embedding)
    soft = dataclasses.replace(model, embedding=embedding)
    clusters = params.embedding
    if not isinstance(clusters, ant.ClusterParams):
        clusters = clusters.clusters
    return {
        "soft_validation": 100 * (1 - run.error(soft)(params)),
        **dataclasses.asdict(cluster_summary(clusters)),
    }
