"""Every method at several sizes: the rows of the Pareto fronts.

All of them have biases, which count, the same optimizer, the same number of epochs and
the same early stopping. The baselines start from the scale that gave them the lowest
validation error.
"""

import dataclasses

from experiments.recommendation.configs import Config, tuned, tuned_ant

# Sizes that the sparse methods are pruned to.
_BUDGETS = (59_400, 45_000, 29_200, 20_000, 10_800, 7_000)


def rows(dataset: str) -> dict[str, Config]:
    """Config by row; the method of a row is that of its config."""
    configs = {
        "ant": tuned_ant(budgets=_BUDGETS),
        "ant_medium": _from_table(16, (120_000, 90_000, 75_000)),
        "ant_large": _from_table(24, (160_000, 120_000, 90_000)),
    }
    for features in (1, 2, 4, 8, 16):
        configs[f"full_{features}"] = tuned(method="full", features=features)
    for rank in (1, 2, 4):
        configs[f"low_rank_{rank}"] = tuned(method="low_rank", rank=rank)
    for temperature in (0.4, 0.6, 0.8):
        configs[f"mixed_dimension_{temperature:g}"] = tuned(
            method="mixed_dimension",
            mixed_temperature=temperature,
            table_stddev=1e-2,
        )
    for share in (0.1, 0.5):
        configs[f"hashing_{share:g}"] = tuned(
            method="hashing", table_share=share, features=8
        )
        configs[f"quotient_remainder_{share:g}"] = tuned(
            method="quotient_remainder", table_share=share, features=8
        )
    for method in ("sparse_cbow", "slimming"):
        configs[f"{method}_8"] = _pruned(method, 8, (85_000, *_BUDGETS), 3e-6)
    configs["sparse_cbow_16"] = _pruned(
        "sparse_cbow", 16, (120_000, 90_000, *_BUDGETS), 1e-6
    )
    return {
        name: dataclasses.replace(config, dataset=dataset)
        for name, config in configs.items()
    }


def _from_table(features: int, budgets: tuple[int, ...]) -> Config:
    """ANT that starts where a full table ended, and is pruned from there."""
    anchors = 2 * (features + 1)
    return tuned_ant(
        features=features,
        user_anchors=anchors,
        item_anchors=anchors,
        warm_start_epochs=30,
        learning_rate=1e-5,
        l1=0.0,
        l1_warmup_steps=0,
        epochs=1,
        refit_l1=1e-6,
        budgets=budgets,
    )


def _pruned(method: str, features: int, budgets: tuple[int, ...], l1: float) -> Config:
    """A sparse full table, pruned and refitted as ANT is."""
    return tuned_ant(
        method=method,
        features=features,
        table_stddev=1e-2 if features > 8 else 1e-1,
        l1=l1,
        l1_warmup_steps=0,
        refit_l1=1e-6,
        budgets=budgets,
    )
