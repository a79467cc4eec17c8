"""Whether clusters that were trained with noise are those that are shipped without."""

import dataclasses
from typing import Any

import ant_jax as ant
from ant_jax.embeddings import ClusterParams, cluster_summary
from experiments.runner.run import Run


@dataclasses.dataclass(frozen=True)
class _Soft:
    """An embedding that gives each object its mean vector over all clusters."""

    embedding: ant.Embedding[Any]

    @property
    def features(self) -> int:
        return self.embedding.features

    def lookup(self, params: Any, ids: Any) -> Any:
        embedding: Any = self.embedding
        return embedding.soft_lookup(params, ids)


def cluster_metrics(run: Run, model: Any, params: Any) -> dict[str, Any] | None:
    """How settled the clusters are, and what the model would score if they were soft.

    Returns:
      `soft_validation`, the validation score with mean vectors, and the fields of
      `ant_jax.embeddings.ClusterSummary`, by table where there are several; None
      without clusters.
    """
    tables = {
        name: embedding
        for name, embedding in run.task.embeddings(model).items()
        if hasattr(embedding, "soft_lookup")
    }
    if not tables:
        return None
    soft = dataclasses.replace(model, **{n: _Soft(e) for n, e in tables.items()})
    score = run.task.metric.report(run.loss_on("validation", soft)(params))
    summaries = {
        name: dataclasses.asdict(cluster_summary(_clusters(getattr(params, name))))
        for name in tables
    }
    if len(summaries) == 1:
        (summaries,) = summaries.values()
    return {"soft_validation": score, **summaries}


def _clusters(params: Any) -> ClusterParams:
    return params if isinstance(params, ClusterParams) else params.clusters
