"""Texts split, cut and numbered, against plain loops."""

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data import Documents, Names, Texts
from experiments.text_classification.input_pipeline import (
    EOS,
    PAD,
    UNK,
    VALIDATION_SPLITS,
    prepare,
)

rows = st.lists(
    st.tuples(
        st.integers(0, 2), st.lists(st.sampled_from([*"abcdefg", "<unk>", "<eos>"]))
    ),
    max_size=12,
)


def make_texts(train, test, validation=None):
    """Returns texts as `load_texts` would, from rows of a label and words."""
    splits = [train, validation or [], test]
    words = dict.fromkeys(
        word for split in splits for _, text in split for word in text
    )
    numbers = {word: number for number, word in enumerate(words)}

    def documents(split):
        lengths = [len(text) for _, text in split]
        return Documents(
            np.array([label for label, _ in split], np.int32),
            np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
            np.array([numbers[w] for _, text in split for w in text], np.int32),
        )

    return Texts(
        ("x", "y", "z"),
        Names(words),
        documents(train),
        documents(test),
        None if validation is None else documents(validation),
    )


def decode(prepared, examples):
    """Returns rows again: words up to the padding, which must be at the end."""
    found = []
    for label, tokens in zip(examples.labels, examples.tokens, strict=True):
        filled = tokens[: np.count_nonzero(tokens != PAD)]
        assert (filled != PAD).all()
        found.append((int(label), [prepared.words[int(number)] for number in filled]))
    return found


@given(
    train=rows,
    validation=rows,
    test=rows,
    length=st.integers(1, 6),
    min_count=st.integers(1, 3),
    max_words=st.none() | st.integers(1, 4),
)
def test_against_a_counter(train, validation, test, length, min_count, max_words):
    train = [*train, (0, ["h"] * 3), (1, [])]
    with pytest.MonkeyPatch.context() as patch:
        module = "experiments.text_classification.input_pipeline"
        patch.setattr(f"{module}._PIECE", 2)
        prepared = prepare(
            make_texts(train, test, validation),
            seed=0,
            length=length,
            min_count=min_count,
            max_words=max_words,
        )

    counter = collections.Counter(word for _, text in train for word in text)
    in_text = {"<unk>": counter.pop("<unk>", 0), "<eos>": counter.pop("<eos>", 0)}
    # Both sorts keep the order of first appearance.
    kept = [word for word, n in counter.most_common() if n >= min_count][:max_words]
    assert list(prepared.words) == ["<pad>", "<unk>", "<eos>", *kept]
    assert prepared.classes == ("x", "y", "z")

    def name(word):
        return word if word in kept or word == "<eos>" else "<unk>"

    left_out = sum(n for word, n in counter.items() if word not in kept)
    assert prepared.counts.tolist() == [
        0,
        left_out + in_text["<unk>"],
        len(train) + in_text["<eos>"],
        *(counter[word] for word in kept),
    ]
    sets = [{name(word) for word in text} for _, text in train]
    assert prepared.documents.tolist() == [
        0,
        sum("<unk>" in words for words in sets),
        len(train),
        *(sum(word in words for words in sets) for word in kept),
    ]
    assert prepared.counts.dtype == prepared.documents.dtype == np.int64

    for split, share, examples in zip(
        (train, validation, test), prepared.unknown, prepared.splits, strict=True
    ):
        expected = [
            (label, [*map(name, text), "<eos>"][:length]) for label, text in split
        ]
        assert decode(prepared, examples) == expected
        assert examples.tokens.shape == (len(split), length)
        assert examples.tokens.dtype == examples.labels.dtype == np.int32
        words = [w for _, text in expected for w in text if w != "<eos>"]
        assert share == words.count("<unk>") / max(len(words), 1)


def numbered(n):
    """Returns n texts, each of a word of its own."""
    return [(i % 3, [f"w{i}"]) for i in range(n)]


@given(st.integers(2, 40), st.integers(0, 5), st.floats(0.05, 0.9))
def test_split_is_a_partition(n, seed, share):
    texts = make_texts(numbered(n), [(0, ["w0"])])
    taken = round(n * share)
    if not 0 < taken < n:
        with pytest.raises(ValueError, match=f"of {n} texts for training"):
            prepare(texts, seed=seed, validation_share=share)
        return
    prepared = prepare(texts, seed=seed, validation_share=share)
    assert len(prepared.splits.validation.labels) == taken
    kept = [word for _, (word, _) in decode(prepared, prepared.splits.train)]
    # Of the words of the validation split none is known: it is not in training.
    assert (prepared.splits.validation.tokens[:, 0] == UNK).all()
    assert list(prepared.words)[3:] == kept
    assert len(set(kept)) == n - taken
    # Labels stay with their texts.
    assert prepared.splits.train.labels.tolist() == [int(w[1:]) % 3 for w in kept]


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=3).filter(lambda n: sum(n) > 1),
    st.data(),
)
def test_a_contiguous_split_is_a_run_of_every_class(sizes, data):
    labels = data.draw(
        st.permutations([c for c, n in enumerate(sizes) for _ in range(n)])
    )
    taken = data.draw(st.integers(1, len(labels) - 1))
    texts = make_texts([(c, [f"w{i}"]) for i, c in enumerate(labels)], [(0, ["w0"])])
    prepared = prepare(
        texts,
        seed=data.draw(st.integers(0, 5)),
        validation_share=taken / len(labels),
        validation_split="contiguous",
    )
    kept = {int(word[1:]) for word in list(prepared.words)[3:]}
    assert len(labels) - len(kept) == taken
    for label, size in enumerate(sizes):
        # The places of a class, in order: those taken out are next to each other.
        own = [i not in kept for i, c in enumerate(labels) if c == label]
        assert abs(sum(own) - size * taken / len(labels)) < 1
        first = own.index(True) if any(own) else 0
        assert all(own[first : first + sum(own)])


@pytest.mark.parametrize("how", VALIDATION_SPLITS)
def test_split_depends_on_the_seed_alone(how):
    texts = make_texts(numbered(100), numbered(3))
    first, same, other = (
        prepare(texts, seed=seed, validation_split=how) for seed in (0, 0, 1)
    )
    assert list(first.words) == list(same.words) != list(other.words)
    np.testing.assert_array_equal(first.splits.train.tokens, same.splits.train.tokens)
    assert len(first.splits.validation.labels) == 10


def test_own_validation_split_is_used():
    texts = make_texts(numbered(4), numbered(2), [(1, ["new"]), (2, ["w3"])])
    prepared = prepare(texts, seed=0)
    assert len(prepared.splits.train.labels) == 4
    expected = [(1, ["<unk>", "<eos>"]), (2, ["w3", "<eos>"])]
    assert decode(prepared, prepared.splits.validation) == expected


def test_an_end_only_where_there_is_room():
    train = [(0, ["a"] * 3), (0, ["a"] * 2), (0, [])]
    prepared = prepare(make_texts(train, train, train), seed=0, length=3)
    np.testing.assert_array_equal(
        prepared.splits.test.tokens, [[3, 3, 3], [3, 3, EOS], [EOS, PAD, PAD]]
    )


@pytest.mark.parametrize("option", ["length", "min_count", "max_words"])
def test_arguments_out_of_range(option):
    with pytest.raises(ValueError, match="must be at least 1"):
        prepare(make_texts(numbered(20), numbered(1)), seed=0, **{option: 0})


def test_no_word_is_left():
    with pytest.raises(ValueError, match="No word occurs 2 times in training"):
        prepare(make_texts(numbered(20), numbered(1)), seed=0, min_count=2)
