"""From trained parameters to those that are shipped, one model for every budget."""

import dataclasses
from typing import Any

import jax

from ant_jax.embeddings import ProductQuantizedParams
from experiments.runner.condense import condense
from experiments.runner.config import CONDENSED, SPARSE
from experiments.runner.fixed_codes import fix_codes, free_codes
from experiments.runner.methods import fit_anchors
from experiments.runner.optimizer import make_refit_trainer
from experiments.runner.pruner import Pruner
from experiments.runner.refit import Refit
from experiments.runner.run import Run
from experiments.runner.settings import SettingError
from experiments.runner.task import Task, replace_tables

Finished = tuple[Any, Any]  # model and parameters


def check_budgets(task: Task) -> None:
    """Refuses budgets that no pruning can meet.

    Raises:
      SettingError: the method has nothing to prune, or needs more than the smallest
        budget.
    """
    config = task.config
    if not config.budgets:
        return
    known = [name for name in (*SPARSE, *CONDENSED) if name in task.methods]
    if config.method not in known:
        raise SettingError(f"budgets are for {', '.join(known)}, not {config.method}.")
    least = sum(_least(config, e) for e in task.embeddings(task.model).values())
    if config.budgets[-1] < least:
        what = "may need" if config.method == "nbant" else "needs"
        raise SettingError(
            f"budgets ask for {config.budgets[-1]} parameters, but {config.method} "
            f"{what} at least {least}: raise --budgets, or lower --features or the "
            "number of anchors."
        )


def _least(config: Any, embedding: Any) -> int:
    """The fewest parameters that a table can be pruned to."""
    d = int(embedding.features)
    if config.method in ("group_lasso", "vvd"):
        return 2 * d  # a vector of its own, and the one that all others share
    if config.method == "product_quantization":
        return d
    if config.method == "sparse_coding":
        return sum(map(config.anchors_of, config.ANCHORS)) * (d + 1)
    anchors = getattr(embedding, "num_anchors", 0)
    return d * (sum(anchors) if isinstance(anchors, tuple) else anchors)


def finish(run: Run, params: Any) -> list[Finished]:
    """Prunes, or condenses, for every budget, and refits what is left.

    Args:
      run: the run.
      params: trained parameters.

    Returns:
      The model and parameters of each budget; without budgets those of the method.

    Raises:
      CollapsedError: nothing is left.
      DivergedError: the loss of a refit is not finite.
      TrainingError: nbANT chose more anchors than a budget has room for.
    """
    config, model = run.config, fitted_model(run.task, params)
    if config.method in SPARSE:
        model, params = _without_dropped(run.task, model, params)
        return [(model, pruned) for pruned in _pruner(run, model)(params)]
    if config.method in CONDENSED:
        budgets = config.budgets or (None,)
        return [_condensed(run, model, params, limit) for limit in budgets]
    return [(model, params)]


def fitted_model(task: Task, params: Any) -> Any:
    """The model with as many anchors as nbANT has chosen."""
    tables = {
        name: fit_anchors(embedding, getattr(params, name))
        for name, embedding in task.embeddings(task.model).items()
    }
    return dataclasses.replace(task.model, **tables)


def _without_dropped(task: Task, model: Any, params: Any) -> Finished:
    """Leaves out what variational dropout drops."""
    tables = {
        name: embedding.shrink(getattr(params, name))
        for name, embedding in task.embeddings(model).items()
        if hasattr(embedding, "shrink")
    }
    return replace_tables(model, params, tables)


def _condensed(run: Run, model: Any, params: Any, limit: int | None) -> Finished:
    """A model whose only table is condensed."""
    ((name, embedding),) = run.task.embeddings(model).items()
    smaller, values = condense(
        run.config,
        run.task.objects(name),
        embedding,
        getattr(params, name),
        run.config.anchors_of(name),
        limit,
    )
    model, params = replace_tables(model, params, {name: (smaller, values)})
    if not isinstance(values, ProductQuantizedParams):
        return model, make_refit(run, model)(params)
    fixed, codebooks = fix_codes(smaller, values)
    trained, params = replace_tables(model, params, {name: (fixed, codebooks)})
    params = make_refit(run, trained)(params)
    values = free_codes(fixed, getattr(params, name))
    return model, params._replace(**{name: values})


def make_refit(run: Run, model: Any) -> Refit:
    """Training of a pruned model for a few epochs more."""
    key = jax.random.fold_in(run.noise_key, 1)
    return Refit(
        run.config,
        make_refit_trainer(run.task, model, run.mesh, key),
        run.splits.train,
        run.loss_on("validation", model),
        run.shuffle_key,
    )


def _pruner(run: Run, model: Any) -> Pruner:
    config = run.config
    # What is dropped of a mixture leaves its weight to others: no curvature tells that.
    by_curvature = config.prune_by == "curvature" and config.method != "anchor_mixture"
    return Pruner(
        config,
        make_refit(run, model),
        num_params=model.num_params,
        validate=run.mean(run.task.prune_score, "validation", model),
        curvature=run.task.curvature(run, model) if by_curvature else None,
    )
