"""Full tables in PyTorch: sparse gradients with `SparseAdam`, and dense `Adam`."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.programs.torch_steps import Columns, time_training
from benchmarks.workload import Workload


class MatrixFactorization(nn.Module):
    """A rating is the product of two embeddings plus one global bias."""

    def __init__(
        self, num_users: int, num_items: int, features: int, *, sparse: bool
    ) -> None:
        """Draws two full tables, with sparse gradients if asked to."""
        super().__init__()
        self.users = nn.Embedding(num_users, features, sparse=sparse)
        self.items = nn.Embedding(num_items, features, sparse=sparse)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=features**-0.5)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Predicts the ratings of pairs, `(n,), (n,) -> (n,)`."""
        return (self.users(users) * self.items(items)).sum(-1) + self.bias


def train(
    model: MatrixFactorization,
    optimizers: list[torch.optim.Optimizer],
    columns: Columns,
) -> Tensor:
    """Takes a step with each batch and returns their losses, `(steps,)`."""
    losses = []
    for users, items, ratings in zip(*columns, strict=True):
        loss = F.mse_loss(model(users, items), ratings)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def make_sparse_optimizers(
    model: MatrixFactorization, learning_rate: float
) -> list[torch.optim.Optimizer]:
    """`SparseAdam` for the tables; `Adam` for the bias, whose gradient is dense."""
    tables = [model.users.weight, model.items.weight]
    return [
        torch.optim.SparseAdam(tables, learning_rate),
        torch.optim.Adam([model.bias], learning_rate, fused=True),
    ]


def sparse_adam(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """A program of `benchmarks.turns`: sparse gradients, `SparseAdam`."""
    model = _model(workload, sparse=True)
    optimizers = make_sparse_optimizers(model, workload.learning_rate)
    return time_training(workload, lambda columns: train(model, optimizers, columns))


def adam(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """A program of `benchmarks.turns`: dense gradients, `Adam` as it is by default."""
    return _dense(workload, fused=False)


def fused_adam(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """A program of `benchmarks.turns`: dense gradients, `Adam(fused=True)`."""
    return _dense(workload, fused=True)


def _dense(
    workload: Workload, *, fused: bool
) -> tuple[dict[str, Any], Iterator[float]]:
    model = _model(workload, sparse=False)
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Adam(model.parameters(), workload.learning_rate, fused=fused)
    ]
    return time_training(workload, lambda columns: train(model, optimizers, columns))


def _model(workload: Workload, *, sparse: bool) -> MatrixFactorization:
    torch.manual_seed(workload.seed)
    sizes = workload.num_users, workload.num_items, workload.features
    return MatrixFactorization(*sizes, sparse=sparse)
