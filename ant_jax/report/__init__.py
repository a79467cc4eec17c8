"""Tables and pictures of what was trained."""

from ant_jax.report.clusters import ClusterSummary as ClusterSummary
from ant_jax.report.clusters import cluster_summary as cluster_summary
from ant_jax.report.curves import training_curves as training_curves
from ant_jax.report.figures import save_figure as save_figure
from ant_jax.report.table import results_table as results_table
