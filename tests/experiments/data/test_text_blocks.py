"""Texts in blocks."""

from hypothesis import given
from hypothesis import strategies as st

from experiments.data import text_blocks
from experiments.data.vocabulary import Vocabulary

texts = st.lists(
    st.tuples(st.integers(0, 5), st.lists(st.text("abé", min_size=1, max_size=2))),
    max_size=20,
)


@given(texts, st.integers(1, 12))
def test_blocks_hold_the_texts(rows, size):
    blocks = list(text_blocks.encode_blocks(rows, Vocabulary(), size))
    words = [word for block in blocks for word in block.new_words]
    assert len(set(words)) == len(words)
    found, known = [], 0
    for block in blocks:
        known += len(block.new_words)
        tokens = [words[number] for number in block.token]
        # What a block needs, it or an earlier one brings.
        assert not len(tokens) or block.token.max() < known
        start = 0
        for label, length in zip(block.label, block.length, strict=True):
            found.append((int(label), tokens[start : start + length]))
            start += length
        assert start == len(tokens)
    assert found == rows
    sizes = [len(block.token) + len(block.label) for block in blocks]
    assert all(taken >= size for taken in sizes[:-1])


def test_checksum_tells_blocks_apart():
    def block(rows):
        (made,) = text_blocks.encode_blocks(rows, Vocabulary())
        return made.checksum()

    rows = [(0, ["a", "b"]), (1, ["c"])]
    others = [
        [(0, ["a", "b"]), (2, ["c"])],
        [(0, ["a"]), (1, ["b", "c"])],
        [(0, ["a", "b"]), (1, ["a"])],
        [(0, ["a", "bc"]), (1, ["d"])],
        [(0, ["ab", "c"]), (1, ["d"])],
        [(0, ["a", "b"]), (1, ["d"])],
    ]
    assert len({block(made) for made in [rows, *others]}) == 7
    assert block(rows) == block(rows)
