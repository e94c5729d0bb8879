"""Training: one loop for every task, on one process or many, that can stop anywhere and go on to the same bits."""

from .adapt import adapt, usual_pileup
from .config import NotFinite, Stopped, TrainConfig
from .loop import train

__all__ = ["NotFinite", "Stopped", "TrainConfig", "adapt", "train", "usual_pileup"]
