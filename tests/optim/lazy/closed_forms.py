"""The rules that lazy rows can take, each with its settings by default."""

from ant_jax.optim import rules

RULES = {
    "sgd": rules.sgd(),
    "momentum": rules.sgd(0.9),
    "adagrad": rules.adagrad(),
    "amsgrad": rules.amsgrad(),
    "yogi": rules.yogi(),
}
