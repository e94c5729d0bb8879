"""Hits, and the channels under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns.arrays import Floats, Ints, eta_of, phi_of
from gnnreco.columns.table import Columns
from gnnreco.summary import counted, listed


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Deposits(Columns):
    """The channels that fired under each hit, as one CSR table.

    Attributes
    ----------
    offsets : int64 (n_hits + 1,)
        Rows ``offsets[i]:offsets[i + 1]`` belong to hit ``i``.
    u, v : int32 (n_deposits,)
        Channel numbers along the sensor's own axes.
    value : float32 (n_deposits,)
        Signal in the unit of the file (charge, energy, time over threshold).
    """

    offsets: Ints
    u: NDArray[np.int32]
    v: NDArray[np.int32]
    value: NDArray[np.float32]

    RAGGED = ("u", "v", "value")
    NOUN = ("hit", "hits")

    def _facts(self) -> list[str]:
        return [counted(len(self.value), "channel")]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hits(Columns):
    """Measured points of one event.

    Attributes
    ----------
    hit_id : int64 (n,)
        The number the file gave the hit; unique within the event.
    x, y, z : float64 (n,)
        Global position, mm.
    sensor : int32 (n,)
        Row of the sensor in the `Detector`.
    var_u, var_v : float64 (n,), optional
        Variance of the position along the sensor's axes, mm^2; without it the cell size tells.
    time : float64 (n,), optional
        ns.
    energy : float64 (n,), optional
        GeV.
    deposits : Deposits, optional
        The channels under each hit.

    Examples
    --------
    >>> import numpy as np
    >>> x, y, zero = np.array([3.0, 6.0, 0.0]), np.array([4.0, 8.0, 1.0]), np.zeros(3)
    >>> hits = Hits(np.arange(3), x, y, zero, np.zeros(3, np.int32))
    >>> hits.r
    array([ 5., 10.,  1.])
    >>> hits[hits.r > 2].hit_id
    array([0, 1])
    """

    hit_id: Ints
    x: Floats
    y: Floats
    z: Floats
    sensor: NDArray[np.int32]
    var_u: Floats | None = None
    var_v: Floats | None = None
    time: Floats | None = None
    energy: Floats | None = None
    deposits: Deposits | None = None

    DERIVED = ("r", "eta", "phi")
    NOUN = ("hit", "hits")

    @property
    def xyz(self) -> Floats:
        """Positions as one (n, 3) array, mm."""
        return np.stack([self.x, self.y, self.z], axis=1)

    @property
    def r(self) -> Floats:
        """Distance from the z axis (n,), mm."""
        return np.hypot(self.x, self.y)

    @property
    def eta(self) -> Floats:
        """Pseudorapidity of the position, seen from the origin (n,)."""
        return eta_of(self.x, self.y, self.z)

    @property
    def phi(self) -> Floats:
        """Azimuth of the position (n,), rad."""
        return phi_of(self.x, self.y)

    def _facts(self) -> list[str]:
        more = [name for name in ("time", "energy", "deposits") if getattr(self, name) is not None]
        sensors = len(np.unique(self.sensor[self.sensor >= 0]))
        return [
            *([f"in {counted(sensors, 'sensor')}"] if sensors else []),
            *([f"with {listed(more)}"] if more else []),
        ]
