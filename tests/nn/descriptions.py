"""A small description of every method."""

from ant_jax import embeddings

V, D = 7, 4


def every_description():
    """One description of each class of `ant_jax.embeddings`, by its name."""
    found = [
        embeddings.AnchorEmbedding(V, D, 3),
        embeddings.AnchorMixtureEmbedding(V, D, (3, 2)),
        embeddings.ClusterEmbedding(V, D, 3),
        embeddings.ClusterAdjustmentEmbedding(V, D, 3, 1),
        embeddings.MixedClusterEmbedding(V, D, 3, 2),
        embeddings.FullEmbedding(V, D),
        embeddings.HashEmbedding(V, D, 3),
        embeddings.HashingEmbedding(V, D, 3),
        embeddings.LowRankEmbedding(V, D, 2),
        embeddings.MixedDimensionEmbedding(D, (2, 5), (4, 2)),
        embeddings.ProductQuantizedEmbedding(V, D, 2, 3),
        embeddings.QuotientRemainderEmbedding(V, D, 3),
        embeddings.SelectedEmbedding(V, D, (1, 4)),
        embeddings.SlimmingEmbedding(V, D),
        embeddings.SparseEmbedding(V, D),
        embeddings.SparseVariationalEmbedding(V, D),
        embeddings.SparseVariationalVocabularyEmbedding(V, D),
        embeddings.VariationalVocabularyEmbedding(V, D),
    ]
    return {type(description).__name__: description for description in found}
