"""Errors that a person can put right; their messages are complete sentences.

A program prints such a message and exits; it needs no traceback.
"""


class DataError(ValueError):
    """A data set that cannot be served as it was asked for."""


class DataFileError(DataError):
    """A file of data that is missing, damaged or laid out otherwise than stated."""


class CacheError(DataError):
    """The folder for prepared data that cannot be written or read."""
