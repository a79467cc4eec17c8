"""What settings are refused, and what the published ones are."""

import pytest

from experiments.recommendation.configs import CONFIGS, Config

WARM = {"anchors_start": "signed_basis", "warm_start_epochs": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "magic"}, "Unknown method 'magic'; known ones: ant, nbant, anchor"),
        ({"metric": "magic"}, "Unknown metric 'magic'; known ones: adaptive, euc"),
        ({"anchors_start": "magic"}, "known ones: normal, half_normal, signed_basis"),
        ({"penalty": "l2"}, "known ones: l1, minimax_concave, hard"),
        ({"prune_by": "magic"}, "known ones: length, curvature"),
        ({"trend": "magic"}, "known ones: monotone, slope"),
        ({"anchors_move": "magic"}, "known ones: together, apart"),
        ({"slot_dtype": "float16"}, "known ones: float32, bfloat16"),
        ({"slot_dtype": "bfloat16", "lazy_rows": False}, "needs lazy rows"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"l1": -1.0}, "l1 must be at least 0 and finite"),
        ({"refit_l1": -1.0}, "refit_l1 must be"),
        ({"anchor_cost": float("inf")}, "anchor_cost must be at least 0 and finite"),
        ({"learning_rate": float("nan")}, "learning_rate must be"),
        ({"concavity": 0.0}, "concavity must be above 0 and finite"),
        ({"penalty_power": float("inf")}, "penalty_power must be finite"),
        ({"prune_ratio": 1.0}, "prune_ratio must be above 1"),
        ({"table_share": 1.5}, "table_share must be above 0 and at most 1"),
        ({"trend_window": 1}, "trend_window must be at least 2"),
        ({"trend_tolerance": 1.0}, "trend_tolerance must be at least 0 and below 1"),
        ({"trend_warmup": -1}, "trend_warmup must be"),
        ({"seed": -1}, "seed must be"),
        ({"budgets": (200, 300)}, r"budgets must fall, got \(200, 300\)"),
        ({"budgets": (300, 300)}, "budgets must fall"),
        ({"rating_range": (1.0,)}, "rating_range must be two numbers like 1,5"),
        ({"rating_range": (1.0, float("inf"))}, "rating_range must be"),
        ({"budgets": (300, 0)}, "budgets must be at least 1"),
        ({"budgets": (-5,)}, "budgets must be at least 1"),
        (
            {"method": "nbant", "max_anchors": 10},
            "max_anchors is 10, below the 15 user_anchors to start with",
        ),
        (
            {"method": "nbant", "max_anchors": 20, "item_anchors": 21},
            "below the 21 item_anchors",
        ),
        ({"warm_start_epochs": 1}, "warm start is for .*--anchors_start=signed_basis"),
        (WARM | {"method": "full"}, "warm start is for --method=ant"),
        (
            WARM | {"user_anchors": 32},
            "for each of the 16 .* --item_anchors=32, not 15",
        ),
        (
            WARM | {"user_anchors": 32, "item_anchors": 32, "biases": True},
            "for each of the 17 .* --user_anchors=34, not 32",
        ),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Config(**changes)


def test_settings_at_their_limits_are_taken():
    Config(method="nbant", max_anchors=15, trend_window=2, trend_tolerance=0.0)
    Config(**WARM, user_anchors=32, item_anchors=32)
    Config(**WARM, user_anchors=34, item_anchors=34, biases=True)
    Config(table_share=1.0, refit_epochs=0, halving_steps=0, penalty_power=-0.5)


def test_the_published_settings_are_those_of_tables_10_and_14():
    published = {
        name: config
        for name, config in CONFIGS.items()
        if name.startswith("movielens_1m") and "tuned" not in name
    }
    assert len(published) == 4
    for config in published.values():
        assert (config.batch_size, config.features, config.l1) == (32, 16, 1e-4)
        assert (config.learning_rate, config.halving_steps) == (0.01, 100_000)
        assert not config.biases
