"""Matrix factorization with Anchor & Transform, as one writes it in PyTorch.

The counterpart of `experiments.recommendation`: dense tables, the data in memory as
tensors, shuffled once an epoch and cut into minibatches, and an optimizer that does its
work in place. It stands by itself and can be read as a reference.
"""

import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.workload import Workload, synthetic_ratings

# Steps by which the faster number of threads is found.
_TRIAL_STEPS = 200


class AnchorTable(nn.Module):
    """An embedding `E = T A`: T of shape `(V, K)` and non-negative, A `(K, d)`."""

    def __init__(self, num_embeddings: int, features: int, num_anchors: int) -> None:
        """Draws T and A positive, `|N(0, 2 / rows)|`."""
        super().__init__()
        self.transform = nn.Parameter(_positive_normal(num_embeddings, num_anchors))
        self.anchors = nn.Parameter(_positive_normal(num_anchors, features))

    def forward(self, ids: Tensor) -> Tensor:
        """Embeds ids, `(n,) -> (n, d)`."""
        return F.embedding(ids, self.transform) @ self.anchors


class MatrixFactorization(nn.Module):
    """Predicts a rating as the product of two embeddings and one global bias."""

    def __init__(
        self,
        num_users: int,
        num_items: int,
        features: int,
        anchors: tuple[int, int] | None,
        mean: float = 0.0,
    ) -> None:
        """Builds the tables.

        Args:
          num_users: rows of the users' table.
          num_items: rows of the items' table.
          features: width of an embedding.
          anchors: numbers of user and item anchors; None for two full tables.
          mean: where the bias starts.
        """
        super().__init__()
        self.users: nn.Module
        self.items: nn.Module
        if anchors is None:
            self.users = nn.Embedding(num_users, features)
            self.items = nn.Embedding(num_items, features)
            for weight in (self.users.weight, self.items.weight):
                nn.init.normal_(weight, std=features**-0.5)
        else:
            self.users = AnchorTable(num_users, features, anchors[0])
            self.items = AnchorTable(num_items, features, anchors[1])
        self.bias = nn.Parameter(torch.tensor(mean))

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Predicts ratings, `(n,), (n,) -> (n,)`."""
        return (self.users(users) * self.items(items)).sum(-1) + self.bias

    def parameter_groups(self, l1: float) -> list[dict[str, Any]]:
        """Splits the transforms, which are penalized, from everything else."""
        tables = (self.users, self.items)
        transforms = [t.transform for t in tables if isinstance(t, AnchorTable)]
        others = [p for p in self.parameters() if all(p is not t for t in transforms)]
        groups: list[dict[str, Any]] = [
            {"params": others, "l1": 0.0, "nonnegative": False}
        ]
        if transforms:
            groups.append({"params": transforms, "l1": l1, "nonnegative": True})
        return groups


class ProximalYogi(torch.optim.Optimizer):
    """Yogi as the ANT paper's experiments ran it, with the proximal step inside.

    With `s_t = lr sqrt(1 - b2^t) / (1 - b1^t)`:

        m = b1 m + (1 - b1) g
        v = v - (1 - b2) sign(v - g^2) g^2
        p = p - s_t (m + l1) / (sqrt(v) + eps),  at least 0 where nonnegative
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-3,
        initial_accumulator: float = 1e-6,
    ) -> None:
        """Takes groups with the entries `params`, `l1` and `nonnegative`."""
        defaults = {"lr": lr, "l1": 0.0, "nonnegative": False}
        super().__init__(params, defaults)
        self.betas = betas
        self.eps = eps
        self.count = 0
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["m"] = torch.zeros_like(p)
                self.state[p]["v"] = torch.full_like(p, initial_accumulator)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Takes one step with the gradients at hand; closures are not supported."""
        b1, b2 = self.betas
        self.count += 1
        correction = math.sqrt(1 - b2**self.count) / (1 - b1**self.count)
        for group in self.param_groups:
            step_size = group["lr"] * correction
            for p in group["params"]:
                m, v = self.state[p]["m"], self.state[p]["v"]
                m.lerp_(p.grad, 1 - b1)
                squared = p.grad.square()
                sign = torch.sub(v, squared).sign_()
                v.addcmul_(sign, squared, value=b2 - 1)
                denom = v.sqrt().add_(self.eps)
                direction = m + group["l1"] if group["l1"] else m
                p.addcdiv_(direction, denom, value=-step_size)
                if group["nonnegative"]:
                    p.clamp_min_(0)


def train_epoch(
    model: MatrixFactorization,
    optimizer: ProximalYogi,
    scheduler: torch.optim.lr_scheduler.LRScheduler,
    columns: Sequence[Tensor],
    batch_size: int,
    max_steps: int | None = None,
) -> float:
    """Goes through the ratings once in random order.

    Args:
      model: what to train.
      optimizer: its optimizer.
      scheduler: advanced once a step.
      columns: users int64 `(n,)`, items int64 `(n,)`, ratings float32 `(n,)`.
      batch_size: ratings a step; the last step takes the rest.
      max_steps: stops early, to time or test a part.

    Returns:
      The mean loss of the steps taken.
    """
    order = torch.randperm(len(columns[0]))
    batches = zip(*(column[order].split(batch_size) for column in columns), strict=True)
    total, steps = torch.zeros(()), 0
    for users, items, ratings in batches:
        loss = F.mse_loss(model(users, items), ratings)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.detach()
        steps += 1
        if steps == max_steps:
            break
    return total.item() / steps


def epochs(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """Sets up training and measures epochs of it.

    PyTorch gets what a careful user gives it: subnormal numbers flushed to zero, which
    the momentum of rows unseen for 800 steps would otherwise fill the processor with,
    and the number of threads that a trial finds faster, one or all.

    Args:
      workload: what to train.

    Returns:
      What describes the setting, and an iterator: each `next` trains for an epoch and
      gives its seconds.
    """
    torch.manual_seed(workload.seed)
    torch.set_flush_denormal(True)
    ratings = synthetic_ratings(workload)
    columns = (
        torch.from_numpy(ratings.users).long(),
        torch.from_numpy(ratings.items).long(),
        torch.from_numpy(ratings.values),
    )
    model = MatrixFactorization(
        workload.num_users,
        workload.num_items,
        workload.features,
        workload.anchors,
        mean=float(ratings.values.mean()),
    )
    optimizer = ProximalYogi(
        model.parameter_groups(workload.l1), workload.learning_rate
    )
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, workload.decay_steps, 0.5)

    def run(max_steps: int | None = None) -> float:
        start = time.perf_counter()
        train_epoch(
            model, optimizer, scheduler, columns, workload.batch_size, max_steps
        )
        return time.perf_counter() - start

    trials = {}
    for threads in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(threads)
        run(_TRIAL_STEPS // 4)
        trials[threads] = run(_TRIAL_STEPS)
    threads = min(trials, key=lambda count: trials[count])
    torch.set_num_threads(threads)

    def measured() -> Iterator[float]:
        while True:
            yield run()

    return {"version": torch.__version__, "threads": threads}, measured()


def _positive_normal(rows: int, columns: int) -> Tensor:
    return torch.randn(rows, columns).mul_(math.sqrt(2 / rows)).abs_()
