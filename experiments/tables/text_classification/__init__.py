"""The tables and pictures of the text classifier."""
