"""Track candidates and their fits, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Hits, Ints, Tracks
from gnnreco.fit.trackfit import FitResult, fit_tracks
from gnnreco.geometry import Detector

OF_HITS = ("kept", "chi2_hit")  # columns of a fit that have a row for each hit
INNERMOST = (0.7, 0.5, 0.3)  # of the hits, for a fit where none of all hits succeeds
FEWEST = 3  # hits of such a fit


class Assumed(NamedTuple):
    """What a fit takes for granted of particles.

    Attributes
    ----------
    momentum : float
        GeV, for scattering where there is no field to tell it.
    energy_loss : bool
        Whether they lose energy in the sensors: see `fit_tracks`.
    """

    momentum: float = 1.0
    energy_loss: bool = True


USUAL = Assumed()


@dataclass(frozen=True)
class Candidates:
    """Hit lists with their fits.

    Attributes
    ----------
    offsets : int64 (n + 1,), hit_index : int64 (m,)
        Hits of each candidate, from the inside outwards.
    weight : float64 (n,)
        Sum of the probabilities of its triplets.
    fit : FitResult
    """

    offsets: Ints
    hit_index: Ints
    weight: Floats
    fit: FitResult

    def __len__(self) -> int:
        return len(self.weight)

    @classmethod
    def fitted(
        cls,
        detector: Detector,
        hits: Hits,
        offsets: Ints,
        hit_index: Ints,
        weight: Floats,
        max_chi2_hit: float | None = None,
        assumed: Assumed = USUAL,
    ) -> Candidates:
        """Fit hit lists; hits that add more than `max_chi2_hit` are dropped."""
        fit = fit_tracks(
            detector,
            hits,
            offsets,
            hit_index,
            max_chi2_hit,
            max_drops=3,
            energy_loss=assumed.energy_loss,
            momentum_without_field=assumed.momentum,
        )
        return cls(offsets, hit_index, weight, fit)

    def rows(self, keep: NDArray[np.bool_]) -> Candidates:
        """The candidates where `keep` is true."""
        size = np.diff(self.offsets)
        on_hits = np.repeat(keep, size)
        columns = (getattr(self.fit, n)[on_hits if n in OF_HITS else keep] for n in FitResult._fields)
        fit = FitResult(*columns)
        return Candidates(
            np.append(0, np.cumsum(size[keep])), self.hit_index[on_hits], self.weight[keep], fit
        )

    def without_outliers(
        self,
        detector: Detector,
        hits: Hits,
        max_chi2_hit: float,
        lost_chi2_hit: float,
        assumed: Assumed = USUAL,
    ) -> Candidates:
        """Fit those again that have a hit which does not fit, or no fit at all; the others stay as they are.

        A hit that adds more than `max_chi2_hit` to chi2 leaves the fit, and the track too where it adds more than
        `lost_chi2_hit`. Where no fit of all hits succeeds, that of the innermost ones stands for the track: a particle
        that lost energy on the way or a field that is not the assumed one leave hits which no single curve meets.
        """
        owner = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        again = ~self.fit.valid
        again[owner[self.fit.chi2_hit > max_chi2_hit]] = True
        bad = self.rows(again)
        mended = Candidates.fitted(
            detector, hits, bad.offsets, bad.hit_index, bad.weight, max_chi2_hit, assumed
        )
        for share in INNERMOST:
            mended = mended.fitted_inside(detector, hits, share, max_chi2_hit, assumed)
        near = (mended.fit.chi2_hit > 0) & (mended.fit.chi2_hit <= lost_chi2_hit)
        mended = replace(mended, fit=mended.fit._replace(kept=mended.fit.kept | near))
        return concatenate([self.rows(~again), mended])

    def fitted_inside(
        self, detector: Detector, hits: Hits, share: float, max_chi2_hit: float, assumed: Assumed
    ) -> Candidates:
        """Those without a fit take that of a share of their hits, the innermost; they keep the others as they are."""
        lost = np.flatnonzero(~self.fit.valid)
        size = np.diff(self.offsets)[lost]
        inner = np.minimum(np.maximum(np.ceil(size * share).astype(np.int64), FEWEST), size)
        offsets = np.append(0, np.cumsum(inner))
        rows = np.repeat(self.offsets[lost] - offsets[:-1], inner) + np.arange(offsets[-1])
        part = Candidates.fitted(
            detector, hits, offsets, self.hit_index[rows], self.weight[lost], max_chi2_hit, assumed
        )
        fit = FitResult._make(column.copy() for column in self.fit)
        on_hits = np.repeat(part.fit.valid, inner)
        for name in FitResult._fields:
            there, here, good = (
                (rows, np.arange(len(rows)), on_hits)
                if name in OF_HITS
                else (lost, np.arange(len(lost)), part.fit.valid)
            )
            getattr(fit, name)[there[good]] = getattr(part.fit, name)[here[good]]
        return replace(self, fit=fit)

    def tracks(self, min_hits: int) -> Tracks:
        """Those with a valid fit and enough hits, as the columns that leave the engine."""
        length = np.diff(np.append(0, np.cumsum(self.fit.kept))[self.offsets])
        good = self.rows(self.fit.valid & (length >= min_hits))
        score = good.weight / np.maximum(np.diff(good.offsets) - 2, 1)
        return good.fit.tracks(good.offsets, good.hit_index, np.minimum(score, 1.0))


def concatenate(parts: Sequence[Candidates]) -> Candidates:
    """One table after the other."""
    sizes = np.concatenate([np.diff(p.offsets) for p in parts])
    fit = FitResult(*(np.concatenate(columns) for columns in zip(*(p.fit for p in parts), strict=True)))
    return Candidates(
        np.append(0, np.cumsum(sizes)),
        np.concatenate([p.hit_index for p in parts]),
        np.concatenate([p.weight for p in parts]),
        fit,
    )
