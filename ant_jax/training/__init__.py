"""A training run: mesh, state, compiled epochs, checkpoints and early stopping."""

from ant_jax.training.checkpoints import Checkpoints as Checkpoints
from ant_jax.training.compiling import step_options as step_options
from ant_jax.training.epoch import EpochReport as EpochReport
from ant_jax.training.epoch import make_epoch as make_epoch
from ant_jax.training.epoch import make_evaluate as make_evaluate
from ant_jax.training.errors import CheckpointError as CheckpointError
from ant_jax.training.errors import CollapsedError as CollapsedError
from ant_jax.training.errors import DivergedError as DivergedError
from ant_jax.training.errors import TrainingError as TrainingError
from ant_jax.training.errors import WorkdirError as WorkdirError
from ant_jax.training.fit import FitResult as FitResult
from ant_jax.training.fit import Progress as Progress
from ant_jax.training.fit import fit as fit
from ant_jax.training.mesh import check_batch_size as check_batch_size
from ant_jax.training.mesh import data_mesh as data_mesh
from ant_jax.training.mesh import replicate as replicate
from ant_jax.training.metrics import MetricsWriter as MetricsWriter
from ant_jax.training.metrics import read_metrics as read_metrics
from ant_jax.training.state import TrainState as TrainState
from ant_jax.training.trainers import Tables as Tables
from ant_jax.training.trainers import Trainer as Trainer
from ant_jax.training.trainers import dense_trainer as dense_trainer
from ant_jax.training.trainers import lazy_trainer as lazy_trainer
from ant_jax.training.workdir import Workdir as Workdir
