"""The objective against the published figures, and the choice that follows from it."""

import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from ant_jax.nonparametric.objective import Candidate, objective, select_model

# Liang et al., ICLR 2021, table 15: K, perplexity, non-zeros and l1 of four models of
# Penn Treebank, and their objective for three anchor costs as printed.
MODELS = [
    Candidate(math.log(77.7), 245_000, 2000, 1e-6),
    Candidate(math.log(79.4), 214_000, 1000, 1e-6),
    Candidate(math.log(84.5), 171_000, 500, 1e-6),
    Candidate(math.log(106.6), 25_000, 100, 1e-5),
]
PRINTED = {
    2e-5: (["4.64", "4.61", "4.62", "4.92"], 1000),
    1e-4: (["4.80", "4.69", "4.66", "4.93"], 500),
    1e-1: (["204.6", "104.6", "54.6", "14.9"], 100),
}


@pytest.mark.parametrize("anchor_cost", PRINTED)
def test_published_table(anchor_cost):
    printed, winner = PRINTED[anchor_cost]
    for model, text in zip(MODELS, printed, strict=True):
        digits = len(text.partition(".")[2])
        got = objective(*model, anchor_cost)
        assert isinstance(got, float)
        assert f"{got:.{digits}f}" == text
    assert MODELS[select_model(MODELS, anchor_cost)].num_anchors == winner


def test_arrays_give_arrays_of_their_kind():
    columns = [np.array(column) for column in zip(*MODELS, strict=True)]
    got = objective(*columns, 1e-4)
    assert isinstance(got, np.ndarray)
    expected = [objective(*model, 1e-4) for model in MODELS]
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    loss, nnz, anchors, l1 = columns
    device = jax.jit(objective)(
        jnp.asarray(loss, jnp.float32), jnp.asarray(nnz), anchors, l1, 1e-4
    )
    assert device.dtype == jnp.float32
    np.testing.assert_allclose(device, expected, rtol=1e-6)
    # Counts on a device and a loss that Python holds.
    assert objective(1.5, jnp.array(3), 2, 0.5, 1.0) == 4.0


@hypothesis.given(
    takers=st.lists(st.integers(1, 1000), min_size=1, max_size=20),
    l1=st.floats(1e-6, 1),
    anchor_cost=st.floats(1e-6, 1),
)
def test_the_first_entry_pays_for_the_anchor(takers, l1, anchor_cost):
    price = sum(anchor_cost + l1 * (m - 1) for m in takers)
    got = objective(0.0, sum(takers), len(takers), l1, anchor_cost)
    assert got == pytest.approx(price, rel=1e-9)


@hypothesis.given(
    models=st.lists(
        st.builds(
            Candidate,
            loss=st.floats(0, 10, allow_subnormal=False),
            nnz=st.integers(0, 10**6),
            num_anchors=st.integers(1, 1000),
            l1=st.sampled_from([1e-6, 1e-5]),
        ),
        min_size=1,
        max_size=8,
    ),
    costs=st.tuples(*[st.floats(0, 1, allow_subnormal=False)] * 2),
)
def test_a_higher_cost_never_chooses_more_anchors(models, costs):
    low, high = sorted(costs)
    few, many = (models[select_model(models, cost)].num_anchors for cost in (high, low))
    # Within rounding of the objective two may change places.
    if high - low > 1e-9:
        assert few <= many


def test_ties_go_to_the_smaller_model_and_the_first():
    same = [
        Candidate(1.0, 10, 4, 0.5),
        Candidate(2.0, 8, 4, 0.5),
        Candidate(2.5, 8, 3, 0.5),
        Candidate(2.5, 8, 3, 0.5),
    ]
    assert len({objective(*model, 1.0) for model in same}) == 1
    assert select_model(same[:2], 1.0) == 1
    assert select_model(same, 1.0) == 2
    assert select_model(same[2:], 1.0) == 0
    fewer = same[0]._replace(loss=1.5, num_anchors=3)
    assert objective(*fewer, 1.0) == objective(*same[0], 1.0)
    assert select_model([same[0], fewer], 1.0) == 1


def test_what_diverged_never_wins():
    good = Candidate(9.0, 10, 4, 0.5)
    for loss in (math.nan, math.inf):
        bad = good._replace(loss=loss)
        assert select_model([bad, good, bad], 1.0) == 1
        with pytest.raises(ValueError, match="None of the 2 candidates has a finite"):
            select_model([bad, bad], 1.0)
    with pytest.raises(ValueError, match="candidates is empty"):
        select_model([], 1.0)
