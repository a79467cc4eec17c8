"""The PyTorch programs against NumPy, and against each other where they must agree."""

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="PyTorch comes with `make bench`, not with `make test`"
)

from benchmarks.batches import draw_batches  # noqa: E402
from benchmarks.programs import torch_embedding, torch_steps  # noqa: E402
from benchmarks.workload import Workload  # noqa: E402

# The tests run beside others: threads that wait for each other would be slow.
torch.set_num_threads(1)

WORKLOAD = Workload(32, None, num_users=4, num_items=3, features=5)


def trained(optimizers, *, sparse, columns):
    torch.manual_seed(0)
    model = torch_embedding.MatrixFactorization(4, 3, 5, sparse=sparse)
    before = [p.detach().clone() for p in model.parameters()]
    losses = torch_embedding.train(model, optimizers(model), columns)
    return before, [p.detach() for p in model.parameters()], losses


def adam(model, fused=False):
    return [torch.optim.Adam(model.parameters(), 0.01, fused=fused)]


def sparse_adam(model):
    return torch_embedding.make_sparse_optimizers(model, 0.01)


@pytest.fixture
def columns():
    users, items, ratings = torch_steps.to_tensors(draw_batches(WORKLOAD, 10, turn=0))
    # Where every batch has every row, sparse and dense are the same.
    users[:, :4], items[:, :3] = torch.arange(4), torch.arange(3)
    return users, items, ratings


def test_first_loss_is_the_closed_form(columns):
    (bias, users, items), _, losses = trained(adam, sparse=False, columns=columns)
    u, i, ratings = (column[0].numpy() for column in columns)
    errors = (users.numpy()[u] * items.numpy()[i]).sum(1) + bias.numpy() - ratings
    np.testing.assert_allclose(losses[0], np.mean(errors**2), rtol=1e-5)


def test_sparse_and_fused_equal_dense_where_all_rows_are_read(columns):
    _, dense, dense_losses = trained(adam, sparse=False, columns=columns)
    for other, sparse in (
        (sparse_adam, True),
        (lambda model: adam(model, fused=True), False),
    ):
        _, params, losses = trained(other, sparse=sparse, columns=columns)
        torch.testing.assert_close(losses, dense_losses)
        for a, b in zip(params, dense, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert dense_losses[-1] < dense_losses[0]


def test_sparse_leaves_other_rows_alone(columns):
    columns = (columns[0] % 2, columns[1] % 2, columns[2])
    (_, users, items), (_, new_users, new_items), _ = trained(
        sparse_adam, sparse=True, columns=columns
    )
    assert torch.equal(users[2:], new_users[2:])
    assert torch.equal(items[2:], new_items[2:])
    assert not torch.equal(users[:2], new_users[:2])
