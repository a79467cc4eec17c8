"""Anchor & Transform in plain PyTorch, `benchmarks.matrix_factorization_torch`."""

from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.matrix_factorization_torch import (
    MatrixFactorization,
    ProximalYogi,
    train_epoch,
)
from benchmarks.programs.torch_steps import Columns, time_training
from benchmarks.workload import Workload


def steps(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """A program of `benchmarks.turns`: a turn is an epoch of few ratings."""
    torch.manual_seed(workload.seed)
    model = MatrixFactorization(
        workload.num_users, workload.num_items, workload.features, workload.anchors
    )
    optimizer = ProximalYogi(
        model.parameter_groups(workload.l1), workload.learning_rate
    )
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, workload.decay_steps, 0.5)

    def train(columns: Columns) -> None:
        flat = [column.flatten() for column in columns]
        train_epoch(model, optimizer, scheduler, flat, workload.batch_size)

    return time_training(workload, train)
