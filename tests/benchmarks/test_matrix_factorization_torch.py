"""The PyTorch program against a transcription of its equations, number by number."""

import math

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="PyTorch comes with `make bench`, not with `make test`"
)

from benchmarks import matrix_factorization_torch as program  # noqa: E402

# The tests run beside others: threads that wait for each other would be slow.
torch.set_num_threads(1)

LEARNING_RATE = 0.05
DECAY_STEPS = 7
L1 = 0.02


def _scalar_yogi(p, g, m, v, count, l1, nonnegative):
    """One coordinate, one step; returns p, m, v."""
    lr = LEARNING_RATE * 0.5 ** ((count - 1) // DECAY_STEPS)
    step = lr * math.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    m = 0.9 * m + (1 - 0.9) * g
    v = v - (1 - 0.999) * np.sign(v - g * g) * g * g
    p = p - step * (m + l1) / (math.sqrt(v) + 1e-3)
    return (max(p, 0.0) if nonnegative else p), m, v


def _scalar_gradients(params, users, items, ratings):
    """Gradients of the mean squared error, one product at a time."""
    tu, au, ti, ai = (params[name] for name in ("tu", "au", "ti", "ai"))
    grads = {name: np.zeros_like(value) for name, value in params.items()}
    features = au.shape[1]
    for u, i, rating in zip(users, items, ratings, strict=True):
        eu = [sum(tu[u, k] * au[k, f] for k in range(len(au))) for f in range(features)]
        ei = [sum(ti[i, k] * ai[k, f] for k in range(len(ai))) for f in range(features)]
        error = sum(a * b for a, b in zip(eu, ei, strict=True))
        error += float(params["bias"]) - rating
        slope = 2 * error / len(ratings)
        grads["bias"] += slope
        for f in range(features):
            for k in range(len(au)):
                grads["tu"][u, k] += slope * ei[f] * au[k, f]
                grads["au"][k, f] += slope * ei[f] * tu[u, k]
            for k in range(len(ai)):
                grads["ti"][i, k] += slope * eu[f] * ai[k, f]
                grads["ai"][k, f] += slope * eu[f] * ti[i, k]
    return grads


def test_steps_equal_the_scalar_transcription():
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    model = program.MatrixFactorization(6, 5, 3, (3, 2), mean=3.0).double()
    optimizer = program.ProximalYogi(model.parameter_groups(L1), LEARNING_RATE)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, DECAY_STEPS, 0.5)
    tensors = {
        "tu": model.users.transform,
        "au": model.users.anchors,
        "ti": model.items.transform,
        "ai": model.items.anchors,
        "bias": model.bias,
    }
    params = {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}
    m = {name: np.zeros_like(value) for name, value in params.items()}
    v = {name: np.full_like(value, 1e-6) for name, value in params.items()}
    for count in range(1, 26):
        # Ids repeat within a batch, and some rows are never drawn.
        users = rng.integers(0, 4, 8)
        items = rng.integers(0, 4, 8)
        ratings = rng.integers(1, 6, 8).astype(float)
        columns = [torch.from_numpy(column) for column in (users, items, ratings)]
        program.train_epoch(model, optimizer, scheduler, columns, batch_size=8)

        grads = _scalar_gradients(params, users, items, ratings)
        for name, value in params.items():
            penalized = name in ("tu", "ti")
            for index in np.ndindex(value.shape):
                value[index], m[name][index], v[name][index] = _scalar_yogi(
                    value[index],
                    grads[name][index],
                    m[name][index],
                    v[name][index],
                    count,
                    L1 if penalized else 0.0,
                    penalized,
                )
    for name, tensor in tensors.items():
        np.testing.assert_allclose(
            tensor.detach().numpy(), params[name], rtol=1e-6, atol=1e-9, err_msg=name
        )
    zeros = params["tu"] == 0
    assert zeros.any()
    assert not zeros.all()


@pytest.mark.parametrize("anchors", [None, (4, 3)])
def test_an_epoch_visits_every_rating_once(anchors):
    torch.manual_seed(0)
    seen = []
    model = program.MatrixFactorization(10, 10, 2, anchors)
    model.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs[0].tolist()))
    optimizer = program.ProximalYogi(model.parameter_groups(0.0), 0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 100, 0.5)
    users = torch.arange(10)
    columns = (users, users.flip(0), torch.ones(10))
    program.train_epoch(model, optimizer, scheduler, columns, batch_size=4)
    assert sorted(seen) == list(range(10))
    assert seen != sorted(seen)


@pytest.mark.parametrize("anchors", [None, (4, 3)])
def test_it_learns(anchors):
    torch.manual_seed(0)
    users, items = torch.randint(20, (2, 400))
    ratings = 3 + (users % 2 * 2 - 1) * (items % 2 * 2 - 1).float()
    model = program.MatrixFactorization(20, 20, 4, anchors, mean=3.0)
    optimizer = program.ProximalYogi(model.parameter_groups(1e-4), 0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10_000, 0.5)
    for _ in range(30):
        loss = program.train_epoch(
            model, optimizer, scheduler, (users, items, ratings), batch_size=20
        )
    assert loss < 0.2
