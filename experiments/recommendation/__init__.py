"""Recommendation: matrix factorisation of ratings with small embeddings."""
