r"""Texts to tokens, as the papers' programs did it.

`treebank` is what the text CNN of Anchor & Transform reads, a model it has from W. Chen
et al., How Large a Vocabulary Does Text Classification Need?, NAACL 2019. All but
letters, digits and ``( ) , ! ? ' " ` @`` becomes a space, the text is lower-cased, and
the tokens are those of the Penn Treebank. Full stops, and with them the ends of
sentences, are gone by then.

`kim` is what the LSTM of M. Chen and K. Gimpel, Smaller Text Classifiers with
Discriminative Cluster Embeddings, NAACL 2018, reads of news and of Yelp's reviews: the
cleaning of Y. Kim, Convolutional Neural Networks for Sentence Classification, EMNLP
2014. `wordpunct` is what it reads of IMDB: runs of word characters and runs of the
rest. Both are lower-cased.

`whitespace` is for texts that are tokenized already.
"""

import re
from collections.abc import Callable

from experiments.data.errors import DataError

Tokenizer = Callable[[str], list[str]]

_TREEBANK_REST = re.compile(r"[^A-Za-z0-9(),!?'`\"@]+")
# Robert MacIntyre's rules, in their order, as far as they concern characters that are
# left. A step sees the spaces that those before it have put in.
_TREEBANK_STEPS = (
    # Quotes that open.
    (r'^"', "``"),
    (r"``", " `` "),
    (r"(?<=[ (])(?:\"|'')", " `` "),
    # A comma inside a number stays.
    (r",(?:([^0-9])|$)", r" , \1"),
    (r"[@!?]", r" \g<0> "),
    (r"([^'])' ", r"\1 ' "),
    (r"[()]", r" \g<0> "),
    # What follows needs a space at both ends of the text.
    (r"^.*$", r" \g<0> "),
    # Quotes that close.
    (r"''|\"", " '' "),
    (r"([^' ])('[smd]?) ", r"\1 \2 "),
    (r"([^' ])('ll|'re|'ve|n't) ", r"\1 \2 "),
    # Words that are two.
    (r"\b(can)(not)\b", r" \1 \2 "),
    (r"\b(d)('ye)\b", r" \1 \2 "),
    (r"\b(gim)(me)\b", r" \1 \2 "),
    (r"\b(gon)(na)\b", r" \1 \2 "),
    (r"\b(got)(ta)\b", r" \1 \2 "),
    (r"\b(lem)(me)\b", r" \1 \2 "),
    (r"\b(more)('n)\b", r" \1 \2 "),
    (r"\b(wan)(na)(?= )", r" \1 \2 "),
    (r" ('t)(is)\b", r" \1 \2 "),
    (r" ('t)(was)\b", r" \1 \2 "),
)
_TREEBANK = tuple((re.compile(pattern), new) for pattern, new in _TREEBANK_STEPS)
_KIM_REST = re.compile(r"[^A-Za-z0-9(),!?'`\"]")
_KIM_ENDINGS = re.compile(r"'s|'ve|n't|'re|'d|'ll")
_KIM_MARKS = re.compile(r'[,!()?]|""')
_WORDPUNCT = re.compile(r"\w+|[^\w\s]+")


def treebank(text: str) -> list[str]:
    """Returns lower-cased Penn Treebank tokens, see the module."""
    text = _TREEBANK_REST.sub(" ", text).strip().lower()
    for pattern, replacement in _TREEBANK:
        text = pattern.sub(replacement, text)
    return text.split()


def kim(text: str) -> list[str]:
    """Returns the lower-cased tokens of Kim's cleaning, see the module."""
    text = _KIM_REST.sub(" ", text)
    # Before lower-casing: DON'T stays one token.
    text = _KIM_ENDINGS.sub(r" \g<0>", text)
    return _KIM_MARKS.sub(r" \g<0> ", text).lower().split()


def wordpunct(text: str) -> list[str]:
    """Returns lower-cased runs of word characters and of other characters."""
    return _WORDPUNCT.findall(text.lower())


def whitespace(text: str) -> list[str]:
    """Returns what white space separates, as it is."""
    return text.split()


TOKENIZERS: dict[str, Tokenizer] = {
    tokenizer.__name__: tokenizer
    for tokenizer in (treebank, kim, wordpunct, whitespace)
}


def get_tokenizer(name: str) -> Tokenizer:
    """Returns a tokenizer by name.

    Raises:
      DataError: the name is unknown, and the known ones are listed.
    """
    if name not in TOKENIZERS:
        raise DataError(
            f"Unknown tokenizer {name!r}. Known are: {', '.join(sorted(TOKENIZERS))}."
        )
    return TOKENIZERS[name]
