"""Tokenizers against NLTK and against the rules they are described by."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from experiments.data import DataError
from experiments.data.tokenizers import (
    TOKENIZERS,
    get_tokenizer,
    kim,
    treebank,
    whitespace,
    wordpunct,
)

# Pieces that some rule is about, so that rules meet.
PIECES = [
    *"abnS019 (),!?'\"`@.:-\n\\é",
    *("''", "``", "n't", "'s", "'ll", "'re", "'ve", "'d", "'m", "' ", ", ", "DON'T"),
    *("cannot", "d'ye", "gimme", "gonna", "gotta", "lemme", "more'n", "wanna"),
    *("'tis", "'twas", "1,000", "..."),
]
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@given(texts)
@example("''ll!@`gimme'd cannot")
@example("('twas'll'tis x,,y 'tis,0")
def test_treebank_is_that_of_nltk(text):
    nltk = pytest.importorskip("nltk.tokenize.treebank", reason="NLTK is an option")
    kept = "".join(
        char if char.isascii() and (char.isalnum() or char in "(),!?'`\"@") else " "
        for char in text
    )
    words = " ".join(kept.split()).lower()
    assert treebank(text) == nltk.TreebankWordTokenizer().tokenize(words)


def test_treebank_by_hand():
    tokens = treebank(
        "He said, \"They'll pay $1,000.50 (can't you?)\" - I'm café-bound."
    )
    assert " ".join(tokens) == (
        "he said , `` they 'll pay 1,000 50 ( ca n't you ? ) '' i 'm caf bound"
    )
    assert treebank("$ % ... \n") == []


@given(texts)
@example("DON'T don't they've we're \"\"hi\"\"")
def test_kim_is_one_rule_after_the_other(text):
    expected = re.sub(r"[^A-Za-z0-9(),!?'`\"]", " ", text)
    for ending in ("'s", "'ve", "n't", "'re", "'d", "'ll"):
        expected = expected.replace(ending, " " + ending)
    for mark in (",", "!", "(", '""', ")", "?"):
        expected = expected.replace(mark, f" {mark} ")
    assert kim(text) == expected.lower().split()


@given(texts)
def test_wordpunct_is_that_of_nltk(text):
    nltk = pytest.importorskip("nltk.tokenize", reason="NLTK is an option")
    assert wordpunct(text) == nltk.WordPunctTokenizer().tokenize(text.lower())


def test_wordpunct_by_hand():
    tokens = wordpunct("It's 8.5/10... OK")
    assert " ".join(tokens) == "it ' s 8 . 5 / 10 ... ok"


def test_whitespace_changes_nothing():
    assert whitespace(" A b\tC\n<unk> ") == ["A", "b", "C", "<unk>"]


@given(st.text(max_size=30), st.sampled_from(sorted(TOKENIZERS)))
def test_tokens_are_words(text, name):
    tokens = get_tokenizer(name)(text)
    assert all(token and not re.search(r"\s", token) for token in tokens)


def test_unknown_name():
    with pytest.raises(DataError, match=r"'bpe'. Known are: kim, treebank, white"):
        get_tokenizer("bpe")
