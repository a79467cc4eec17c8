"""Training programs on top of `ant_jax`."""
