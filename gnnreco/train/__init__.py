"""Training: one loop for every task, on one process or many, that can stop anywhere and go on to the same bits."""

from gnnreco.train.adapt import adapt, usual_pileup
from gnnreco.train.config import NotFinite, Stopped, TrainConfig
from gnnreco.train.loop import train

__all__ = ["NotFinite", "Stopped", "TrainConfig", "adapt", "train", "usual_pileup"]
