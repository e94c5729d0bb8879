"""What particle flow learns from."""

from __future__ import annotations

from dataclasses import dataclass

from gnnreco.models.element_network import ElementTensors

from .answers import Answers
from .elements import Measured


@dataclass(frozen=True, slots=True)
class FlowSample:
    """A training event.

    Attributes
    ----------
    graph : ElementTensors
        Of n_t tracks, n_s showers, m edges.
    measured : Measured
    answers : Answers
    """

    graph: ElementTensors
    measured: Measured
    answers: Answers
