"""Training in compiled epochs: mesh, trainers, evaluation, shuffling."""

from ant_jax.training.epoch import EpochReport as EpochReport
from ant_jax.training.epoch import StepReport as StepReport
from ant_jax.training.evaluate import make_evaluate as make_evaluate
from ant_jax.training.lazy import LazyTables as LazyTables
from ant_jax.training.lazy import lazy_trainer as lazy_trainer
from ant_jax.training.loss import LossOutput as LossOutput
from ant_jax.training.mesh import check_batch_size as check_batch_size
from ant_jax.training.mesh import data_mesh as data_mesh
from ant_jax.training.mesh import replicate as replicate
from ant_jax.training.shuffle import shuffled_indices as shuffled_indices
from ant_jax.training.state import TrainState as TrainState
from ant_jax.training.trainer import Trainer as Trainer
from ant_jax.training.trainer import dense_trainer as dense_trainer
