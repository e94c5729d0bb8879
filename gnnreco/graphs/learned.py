"""The learned graph builder: windows, pair filter and triplet limits, all from true segments at a stated efficiency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event
from gnnreco.errors import OverBudget
from gnnreco.geometry import Detector
from gnnreco.graphs.features import TRIPLET_FEATURES, doublet_features
from gnnreco.graphs.frame import Frame, Points, points_of
from gnnreco.graphs.pair_filter import PairFilter, train_filter
from gnnreco.graphs.segments import Targets, true_segments
from gnnreco.graphs.triplets import SegmentGraph, join_doublets
from gnnreco.graphs.windows import Windows, find_pairs, learn_windows

LIMITED = ("kink_pull", "q_over_pt", "d0", "beam_pull")  # the triplet features that a window may cut on


@dataclass(frozen=True)
class GraphConfig:
    """How graphs are built.

    Attributes
    ----------
    segment_efficiency : float
        Fraction of the target segments that the windows keep.
    filter_efficiency : float
        Fraction of those that the pair filter keeps.
    triplet_efficiency : float
        Fraction of the true triplets that the limits on triplet features keep.
    min_pt, min_hits : float, int
        Which particles' segments are targets (GeV).
    max_pairs, max_doublets, max_triplets : int
        Budgets: an event that needs more raises `OverBudget`.
    bins : int
        Bins of `s` in each layer.
    """

    segment_efficiency: float = 0.996
    filter_efficiency: float = 0.995
    triplet_efficiency: float = 0.998
    min_pt: float = 0.15
    min_hits: int = 4
    max_pairs: int = 12_000_000
    max_doublets: int = 3_000_000
    max_triplets: int = 3_000_000
    bins: int = 24


class LearnedGraph:
    """Builds segment graphs in one detector with what was learned from events."""

    def __init__(
        self,
        config: GraphConfig,
        detector: Detector,
        windows: Windows,
        pair_filter: PairFilter,
        limits: NDArray[np.float64],
        signal_per_mm: float,
    ) -> None:
        self.config, self.detector, self.frame = config, detector, Frame.of(detector)
        self.windows, self.filter, self.limits, self.signal_per_mm = (
            windows,
            pair_filter,
            limits,
            signal_per_mm,
        )

    @classmethod
    def learn(
        cls,
        config: GraphConfig,
        detector: Detector,
        events: Iterable[Event],
        seed: int = 0,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> LearnedGraph:
        """Learn the windows, then the filter on the pairs they let through, then the limits on their triplets."""
        frame, targets = Frame.of(detector), Targets(config.min_pt, config.min_hits)
        samples: list[tuple[int, Points, NDArray[np.int64]]] = []
        for event in events:
            points = points_of(event.hits, detector, frame)
            samples.append((event.number, points, true_segments(event, points, targets)))
            if progress:
                progress("true segments", len(samples), 0)
        windows = learn_windows(
            [(p, s) for _, p, s in samples], frame, config.segment_efficiency, config.bins
        )
        signal = _signal_per_mm([p for _, p, _ in samples], frame)
        features, true = _filter_sample(config, frame, windows, samples, signal, np.random.default_rng(seed))
        pair_filter = train_filter(features, true, config.filter_efficiency, seed, progress=progress)
        wide = np.tile([-np.inf, np.inf], (len(TRIPLET_FEATURES), 1))
        builder = cls(config, detector, windows, pair_filter, wide, signal)
        builder.limits = builder._learn_limits(samples)
        return builder

    def _learn_limits(self, samples: list[tuple[int, Points, NDArray[np.int64]]]) -> NDArray[np.float64]:
        seen = []
        for _, points, segments in samples[:20]:
            doublets = segments.astype(np.int32)
            seen.append(join_doublets(points, self.frame, doublets, self.limits, self.config.max_triplets)[1])
        features = np.concatenate(seen)
        limits = self.limits.copy()
        tail = (1 - self.config.triplet_efficiency) / (2 * len(LIMITED))
        for name in LIMITED if len(features) else ():
            k = TRIPLET_FEATURES.index(name)
            limits[k] = [*np.quantile(features[:, k], [tail, 1 - tail]), -0.001, 0.001]
        return limits

    def doublets(self, event: Event) -> tuple[Points, NDArray[np.int32]]:
        """Points and the doublets kept by windows and filter, sorted. Raises `OverBudget`."""
        points = points_of(event.hits, self.detector, self.frame)
        pairs = _pairs(self.config, event.number, points, self.frame, self.windows)
        pairs = pairs[self.filter.keep(points, self.frame, self.signal_per_mm, pairs)]
        if len(pairs) > self.config.max_doublets:
            raise OverBudget(event.number, "doublets", len(pairs), self.config.max_doublets)
        return points, pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]

    def build(self, event: Event) -> tuple[Points, SegmentGraph]:
        """The graph of one event; doublets without any triplet are left out. Raises `OverBudget`."""
        points, doublets = self.doublets(event)
        budget = self.config.max_triplets
        triplets, features, needed = join_doublets(points, self.frame, doublets, self.limits, budget)
        if needed > budget:
            raise OverBudget(event.number, "triplets", needed, budget)
        used = np.zeros(len(doublets), bool)
        used[triplets.ravel()] = True
        renumber = np.cumsum(used, dtype=np.int32) - 1
        doublets = doublets[used]
        return points, SegmentGraph(
            doublets=doublets,
            doublet_features=doublet_features(points, self.frame, doublets, self.signal_per_mm),
            triplets=renumber[triplets],
            triplet_features=features,
        )

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Everything learned, as named arrays."""
        parts: dict[str, NDArray[np.generic]] = {
            "limits": self.limits,
            "signal_per_mm": np.array([self.signal_per_mm]),
        }
        parts |= {f"windows.{k}": v for k, v in self.windows.state().items()}
        return parts | {f"filter.{k}": v for k, v in self.filter.state().items()}

    @classmethod
    def from_state(
        cls, config: GraphConfig, detector: Detector, state: Mapping[str, NDArray[np.generic]]
    ) -> LearnedGraph:
        """Rebuild from `state`."""
        windows, pair_filter = (
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            for prefix in ("windows.", "filter.")
        )
        return cls(
            config,
            detector,
            Windows(**windows),  # type: ignore[arg-type]
            PairFilter(**pair_filter),  # type: ignore[arg-type]
            state["limits"].astype(np.float64),
            float(state["signal_per_mm"][0]),
        )


def is_true(pairs: NDArray[np.int32], segments: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pairs are among the (sorted) true segments. Shape (n,)."""
    if len(segments) == 0:
        return np.zeros(len(pairs), bool)
    wanted = segments[:, 0] << 32 | segments[:, 1]
    asked = pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1]
    return wanted[np.minimum(np.searchsorted(wanted, asked), len(wanted) - 1)] == asked


def _pairs(
    config: GraphConfig, number: int, points: Points, frame: Frame, windows: Windows
) -> NDArray[np.int32]:
    pairs, needed = find_pairs(points, frame, windows, config.max_pairs)
    if needed > config.max_pairs:
        raise OverBudget(number, "pairs of hits", needed, config.max_pairs)
    return pairs


def _signal_per_mm(points: list[Points], frame: Frame) -> float:
    ratios = [p.signal[p.signal > 0] / frame.thickness[p.sensor[p.signal > 0]] for p in points[:20]]
    ratio = np.concatenate(ratios) if ratios else np.zeros(0)
    return float(np.median(ratio)) if len(ratio) else 1.0


def _filter_sample(
    config: GraphConfig,
    frame: Frame,
    windows: Windows,
    samples: list[tuple[int, Points, NDArray[np.int64]]],
    signal: float,
    rng: np.random.Generator,
    rows: int = 6_000_000,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Features and truth of pairs inside the windows, in random order; events until there are `rows`."""
    features, true, total = [], [], 0
    for number, points, segments in samples:
        pairs = _pairs(config, number, points, frame, windows)
        features.append(doublet_features(points, frame, pairs, signal))
        true.append(is_true(pairs, segments))
        total += len(pairs)
        if total >= rows:
            break
    order = rng.permutation(total)
    return np.concatenate(features)[order], np.concatenate(true)[order]
