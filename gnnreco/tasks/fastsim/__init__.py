"""The fast simulation: showers drawn layer by layer by a network that knows layers, and no detector."""

from .samples import FastSimSample
from .task import FastSimConfig, FastSimTask

__all__ = ["FastSimConfig", "FastSimSample", "FastSimTask"]
