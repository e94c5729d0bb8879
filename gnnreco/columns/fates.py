"""What became of the particles of a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns.arrays import Floats, Ints
from gnnreco.columns.table import Columns

#: How a flight may end, by the number that `Fates.fate` holds; see there.
FATES = ("left", "decayed", "converted", "interacted", "showered", "stopped", "curled", "escaped")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fates(Columns):
    """Where particles came from and what became of them: one row for each row of `Truth.particles`.

    ``left``: the particle flew out of the detector; its place is where transport saw it outside, beyond all sensors.
    ``decayed``: in flight, maybe beyond the last sensor. ``converted``: a photon became an electron and a positron in
    matter. ``interacted``: a nuclear interaction in a layer or a passive cylinder before the calorimeters ended it.
    ``showered``: it came upon a sensor that measures energy; its place is the face of that sensor, and the shower
    begins there or deeper. ``stopped``: its momentum fell below the least one that is followed, or began below it.
    ``curled``: it turned more often than transport follows. ``escaped``: no matter sees it (neutrinos, unknown codes);
    its place is where it was made.

    An electron that radiates a photon flies on: the photon's parent is the electron, whose fate comes later. Muons cross
    calorimeters, so none of them has ``showered``. The embedded simulation has no back-splash: nothing that a shower
    makes is a particle of its own. It follows three generations of secondaries; what the last of them make is not
    followed, so that one of them may have ``decayed`` or ``converted`` without children. Of a nuclear interaction only
    some of the fragments are kept, so momenta of children add up to those of the parent in decays and conversions only.

    Attributes
    ----------
    parent : int64 (n,)
        Row of the particle that made this one; -1 for generated particles, and where the parent was cut away.
    fate : int8 (n,)
        Number in `FATES`.
    x, y, z : float64 (n,)
        Where that happened, mm.
    time : float64 (n,)
        When that happened, ns.
    """

    parent: Ints
    fate: NDArray[np.int8]
    x: Floats
    y: Floats
    z: Floats
    time: Floats

    NOUN = ("fate", "fates")

    def became(self, *names: str) -> NDArray[np.bool_]:
        """Which particles (n,) met one of these fates, by names of `FATES`.

        Raises
        ------
        ValueError
            A name that is no fate.

        Examples
        --------
        >>> import numpy as np
        >>> zero = np.zeros(2)
        >>> fates = Fates(np.array([-1, 0]), np.array([1, 0], np.int8), zero, zero, zero, zero)
        >>> fates.became("decayed")
        array([ True, False])
        """
        for name in names:
            if name not in FATES:
                raise ValueError(f"no fate {name!r}; there are: {', '.join(FATES)}")
        return np.isin(self.fate, [FATES.index(name) for name in names])

    def _facts(self) -> list[str]:
        count = np.bincount(self.fate, minlength=len(FATES))
        return [f"{n:,} {name}" for name, n in zip(FATES, count, strict=True) if n]

    def _taken(self, rows: Ints) -> Self:
        # One entry more for the parent -1; of a row that is taken twice, the first stands for both.
        place = np.full(len(self) + 1, -1, np.int64)
        place[rows[::-1]] = np.arange(len(rows))[::-1]
        members = {name: value[rows] for name, value in self._columns().items()}
        return replace(self, **members | {"parent": place[members["parent"]]})

    @classmethod
    def _joined(cls, parts: Sequence[Self]) -> Self:
        first = np.cumsum([0, *map(len, parts)])[:-1]
        parent = [
            np.where(part.parent < 0, -1, part.parent + start)
            for part, start in zip(parts, first, strict=True)
        ]
        others = ("fate", "x", "y", "z", "time")
        return cls(
            np.concatenate(parent),
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in others},
        )
