"""Where the input buffers of triggers come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gnnreco.columns import Event, JetBlock, Jets
from gnnreco.errors import BadInput
from gnnreco.events.select import seen
from gnnreco.files.limits import WIDTH
from gnnreco.geometry import Detector
from gnnreco.models.trigger.network import TriggerNetworkConfig
from gnnreco.schema import nearest, within

from .buffers import Buffers
from .regions import RegionConfig, regions
from .sectors import SectorConfig, sectors
from .towers import TowerConfig, towers


@dataclass(frozen=True)
class InputConfig:
    """Where buffers come from.

    Attributes
    ----------
    source
        ``jet_features``: the features of each jet; ``jet_particles``: its hardest constituents (pt, eta, phi from its axis);
        ``sectors``: the hits in each sector of a tracker, see `gnnreco.tasks.trigger.sectors`;
        ``regions``: the loudest cells around the seeds of a calorimeter, see `gnnreco.tasks.trigger.regions`;
        ``towers``: all its cells as towers, see `gnnreco.tasks.trigger.towers`.
    features : int
        Numbers in each slot.
    columns : tuple of str
        Of ``jet_features``: names of the features that are read, `features` of them; empty: all that the file has.
    sectors : SectorConfig
    regions : RegionConfig
    towers : TowerConfig
    """

    source: Literal["jet_features", "jet_particles", "sectors", "regions", "towers"] = "jet_features"
    features: int = 16
    columns: tuple[str, ...] = ()
    sectors: SectorConfig = field(default_factory=SectorConfig)
    regions: RegionConfig = field(default_factory=RegionConfig)
    towers: TowerConfig = field(default_factory=TowerConfig)

    def __post_init__(self) -> None:
        within(self, 1, WIDTH, "features")
        if self.columns and len(self.columns) != self.features:
            raise ValueError(f"columns: names {len(self.columns)} for features={self.features}")

    @property
    def reads_jets(self) -> bool:
        """Whether buffers are filled from jets, and not from hits."""
        return self.source in ("jet_features", "jet_particles")


def buffers(
    config: InputConfig, network: TriggerNetworkConfig, detector: Detector | None, event: Event | JetBlock
) -> Buffers:
    """Buffers of one event, or of one block of jets.

    Raises
    ------
    BadInput
        If the event has not what the source needs.
    """
    where = event.source, f"event {event.number}"
    if config.reads_jets:
        if isinstance(event, Event):
            raise BadInput(*where, "holds no jets; make some with scripts/make_jets.py")
        jets = event.jets
        if config.source == "jet_particles":
            return jet_particles(jets, network.slots)
        missing = [name for name in config.columns if name not in jets.feature_names]
        if missing:
            raise BadInput(*where, f"has no feature '{missing[0]}'{nearest(missing[0], jets.feature_names)}")
        return jet_features(jets, config.columns)
    if isinstance(event, JetBlock):
        raise BadInput(*where, "holds jets, not hits; name a file of hits")
    assert detector is not None  # the task has seen to it
    if config.source == "sectors":
        there = seen(event, detector, ("position",)).event
        return sectors(config.sectors, config.features, network, detector.at_source(), there)
    if config.source == "towers":
        return towers(config.towers, config.features, network, detector, event)
    there = seen(event, detector, ("energy",)).event
    return regions(config.regions, config.features, network, detector.at_source(), there)


def jet_features(jets: Jets, columns: Sequence[str] = ()) -> Buffers:
    """The features of each jet, or those of some names, with no slots."""
    x = jets.features
    if columns:
        x = x[:, [jets.feature_names.index(name) for name in columns]]
    return Buffers(x, np.zeros((len(jets), 0)), jets.label)


def jet_particles(jets: Jets, slots: int) -> Buffers:
    """The hardest constituents of each jet; the softer ones are dropped."""
    count = np.diff(jets.offsets)
    take = jets.offsets[:-1, None] + np.arange(slots)
    valid = np.arange(slots) < count[:, None]
    take = np.where(valid, take, 0)
    columns = np.stack([jets.pt, jets.eta, jets.phi], axis=1)
    x = columns[take] * valid[:, :, None] if len(columns) else np.zeros((len(jets), slots, 3))
    return Buffers(x, valid.astype(np.float64), jets.label, int(np.maximum(count - slots, 0).sum()))
