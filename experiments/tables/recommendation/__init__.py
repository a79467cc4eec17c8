"""The tables and pictures of the recommender."""
