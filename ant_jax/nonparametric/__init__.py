"""nbANT: the number of anchors is chosen while the model trains."""

from ant_jax.nonparametric.active import num_anchors as num_anchors
from ant_jax.nonparametric.controller import Controller as Controller
from ant_jax.nonparametric.controller import ControllerState as ControllerState
from ant_jax.nonparametric.hold import hold_inactive as hold_inactive
from ant_jax.nonparametric.masking import mask_anchors as mask_anchors
from ant_jax.nonparametric.masking import take_anchors as take_anchors
from ant_jax.nonparametric.objective import Candidate as Candidate
from ant_jax.nonparametric.objective import objective as objective
from ant_jax.nonparametric.objective import select_model as select_model
