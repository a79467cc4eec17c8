"""Text classification: a CNN or an LSTM over any embedding of the words."""
