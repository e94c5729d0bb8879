"""Jets that were found already, for taggers in a trigger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from gnnreco.columns.arrays import Floats, Ints, same
from gnnreco.columns.event import read_table
from gnnreco.columns.table import Columns
from gnnreco.summary import counted, listed, shortened


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Jets(Columns):
    """A block of jets, found already: constituents by CSR, hardest first, and what was computed of each jet.

    Attributes
    ----------
    offsets : int64 (n + 1,)
        Rows ``offsets[i]:offsets[i + 1]`` of the constituents belong to jet ``i``.
    pt, eta, phi : float64 (m,)
        Of the constituents: GeV; pseudorapidity and azimuth (rad, within pi) relative to the axis of the jet.
    features : float64 (n, k)
        By `feature_names`.
    feature_names : tuple of str
    label : int64 (n,)
        Row of the true class in `classes`; -1 where it is not known.
    classes : tuple of str
    jet_pt, jet_eta, jet_phi, jet_mass : float64 (n,)
        Of the jet itself: GeV, pseudorapidity, rad, GeV.
    """

    offsets: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    features: Floats
    feature_names: tuple[str, ...]
    label: Ints
    classes: tuple[str, ...]
    jet_pt: Floats
    jet_eta: Floats
    jet_phi: Floats
    jet_mass: Floats

    RAGGED = ("pt", "eta", "phi")
    SHARED = ("feature_names", "classes")
    NOUN = ("jet", "jets")

    def _axes(self) -> Mapping[str, tuple[str, ...]]:
        return {"features": self.feature_names}

    def _facts(self) -> list[str]:
        if not len(self):
            return []
        return [f"{len(self.pt) / len(self):.1f} constituents each", f"classes {listed(self.classes)}"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JetBlock:
    """Jets that are read at a time: their number and source are those of an event, but there are no hits.

    Attributes
    ----------
    number : int
        Of the block, as events are numbered.
    source : str
        The file.
    jets : Jets
    left_aside : mapping of str to int
        What the reader does not know, counted by name.
    """

    number: int
    source: str
    jets: Jets
    left_aside: Mapping[str, int] = field(default_factory=dict)

    @property
    def labelled(self) -> bool:
        """Whether the true class of any jet is known."""
        return bool((self.jets.label >= 0).any())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JetBlock):
            return NotImplemented
        return all(same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"JetBlock({self.number}: {counted(len(self.jets), 'jet')}, from {shortened(self.source)!r})"

    def _repr_html_(self) -> str:
        return read_table(f"Jets {self.number}", self.source, {"jets": repr(self.jets)}, self.left_aside)
