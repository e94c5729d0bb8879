"""How strange an event is: a graph network expects what is normal, a head says how far the event is from it."""

from .samples import AnomalySample
from .task import AnomalyConfig, AnomalyTask

__all__ = ["AnomalyConfig", "AnomalySample", "AnomalyTask"]
