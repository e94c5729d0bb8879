"""Jets that were found already, for taggers in a trigger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gnnreco.columns.arrays import Floats, Ints
from gnnreco.columns.table import Columns
from gnnreco.summary import listed


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
