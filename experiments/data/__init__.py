"""Data sets, prepared once as ArrayRecord files and read back in seconds."""

from experiments.data.errors import CacheError as CacheError
from experiments.data.errors import DataError as DataError
from experiments.data.errors import RatingsFileError as RatingsFileError
from experiments.data.names import Names as Names
from experiments.data.ratings import Ratings as Ratings
from experiments.data.ratings import load_ratings as load_ratings
from experiments.data.registry import SOURCES as SOURCES
