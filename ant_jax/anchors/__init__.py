"""Choosing the anchors A, and a T to start from.

Random anchors need nothing from here: an embedding's initializers draw them, with
`anchors_init=jax.nn.initializers.orthogonal()` for an orthonormal basis and
`anchors_init=ant_jax.embeddings.signed_basis` for the axes. Otherwise choose objects
and make parameters from them with `from_objects`, or choose points between the objects
with `lloyd` and use `from_centroids`.
"""

from ant_jax.anchors.classes import class_relevance as class_relevance
from ant_jax.anchors.frequency import frequency_then_kmeans as frequency_then_kmeans
from ant_jax.anchors.frequency import most_frequent as most_frequent
from ant_jax.anchors.largest import largest as largest
from ant_jax.anchors.largest import largest_rows as largest_rows
from ant_jax.anchors.orthogonality import orthogonality as orthogonality
from ant_jax.anchors.params import from_centroids as from_centroids
from ant_jax.anchors.params import from_objects as from_objects
from ant_jax.anchors.similarity import nonnegative_similarity as nonnegative_similarity
from ant_jax.anchors.tf_idf import document_counts as document_counts
from ant_jax.anchors.tf_idf import tf_idf as tf_idf
from ant_jax.anchors.vectors import cooccurrence_vectors as cooccurrence_vectors
from ant_jax.clustering.coreset import k_center as k_center
from ant_jax.clustering.coreset import lightweight_coreset as lightweight_coreset
from ant_jax.clustering.kmeans import kmeans_plus_plus as kmeans_plus_plus
from ant_jax.clustering.kmeans import lloyd as lloyd
from ant_jax.clustering.kmeans import nearest_objects as nearest_objects
