"""Data sets, prepared once as ArrayRecord files and read back in seconds."""

from experiments.data.errors import CacheError as CacheError
from experiments.data.errors import DataError as DataError
from experiments.data.errors import DataFileError as DataFileError
from experiments.data.names import Names as Names
from experiments.data.ratings import Ratings as Ratings
from experiments.data.ratings import load_ratings as load_ratings
from experiments.data.registry import SOURCES as SOURCES
from experiments.data.text_registry import TEXT_SOURCES as TEXT_SOURCES
from experiments.data.texts import Documents as Documents
from experiments.data.texts import Texts as Texts
from experiments.data.texts import load_texts as load_texts
from experiments.data.tokenizers import TOKENIZERS as TOKENIZERS
