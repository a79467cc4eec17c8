"""Flax modules over the functions of `ant_jax.embeddings`: NNX and Linen."""
