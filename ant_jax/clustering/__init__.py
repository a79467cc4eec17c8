"""Clustering of points: k-means, greedy covering, and samples to cluster."""

from ant_jax.clustering.coreset import k_center as k_center
from ant_jax.clustering.coreset import lightweight_coreset as lightweight_coreset
from ant_jax.clustering.kmeans import kmeans_plus_plus as kmeans_plus_plus
from ant_jax.clustering.kmeans import lloyd as lloyd
from ant_jax.clustering.kmeans import nearest_objects as nearest_objects
