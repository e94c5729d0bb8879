"""Triggers: input buffers of jets, sectors and regions to scores, in fixed point."""

from .task import TriggerConfig, TriggerTask

__all__ = ["TriggerConfig", "TriggerTask"]
