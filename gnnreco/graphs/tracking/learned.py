"""The learned graph builder: windows or an embedding, gates, limits, all from true segments at a stated efficiency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats
from gnnreco.errors import BadConfig, OverBudget
from gnnreco.files.limits import BINS, CANDIDATES
from gnnreco.geometry import Detector
from gnnreco.progress import Progress
from gnnreco.schema import within

from .embedding import Embedding
from .features import DOUBLET_FEATURES, TRIPLET_FEATURES, doublet_features
from .frame import Frame, Points, points_of
from .gate import Gate
from .learn_windows import learn_windows, with_cells
from .segments import Targets, true_segments
from .triplets import Part, SegmentGraph, in_order, join_doublets, slopes
from .windows import Windows

LIMITED = ("kink_pull", "q_over_pt", "d0", "beam_pull")  # the triplet features that a window may cut on
TRAINING_ROWS = 5_000_000  # candidates of all events that a gate sees: beyond, it learns nothing new
KNOWN = 3  # triplets beyond a quantile from which on a layer has its own
EFFICIENCIES = ("segment", "cell", "pair", "limit", "slope", "triplet")  # those of `GraphConfig`
LEAST_LOSS = 0.25  # of what the stated efficiencies lose, however few candidates events have
ALONE = -1.0  # logit of the gate above which a triplet that no other one continues stays

Sample = tuple[int, Points, NDArray[np.int64]]  # event number, its points, its true segments


@dataclass(frozen=True)
class GraphConfig:
    """How graphs are built.

    Attributes
    ----------
    builder : str
        What finds the pairs of hits: ``windows`` between layers, or neighbours in a learned ``embedding``.
    segment_efficiency : float
        Fraction of the target segments that the builder keeps.
    pair_efficiency : float
        Fraction of those that the gate on pairs keeps.
    limit_efficiency : float
        Fraction of the true triplets that the limits on their features keep.
    slope_efficiency : float
        Fraction of the true triplets that each layer's window in the change of slope keeps; 0 learns no such window.
    triplet_efficiency : float
        Fraction of those that the gate on triplets keeps.
    min_pt : float
        Transverse momentum from which the segments of a particle are targets, GeV.
    min_hits : int
        Hits from which they are.
    max_pairs : int
        Doublets of one event; one that needs more fails, with a line that says so.
    max_triplets : int
        The same for triplets.
    bins : int
        Bins of `s` in each layer.
    cells : int
        Cells of azimuth, and of impact, by which windows are cut once more; 0 leaves them as they are.
    cell_efficiency : float
        Fraction of the segments within the windows that these cells keep.
    headroom : float
        Events with so many times the hits of those that windows are learned from should fit into `max_pairs`. As far as
        this allows, each step loses less than its efficiency says, down to a quarter. 0: what the efficiencies say.
    """

    builder: str = "windows"
    segment_efficiency: float = 0.996
    pair_efficiency: float = 0.995
    limit_efficiency: float = 0.998
    slope_efficiency: float = 0.0
    triplet_efficiency: float = 0.996
    min_pt: float = 0.15
    min_hits: int = 4
    max_pairs: int = 12_000_000
    max_triplets: int = 20_000_000
    bins: int = 24
    cells: int = 0
    cell_efficiency: float = 0.998
    headroom: float = 0.0

    def __post_init__(self) -> None:
        within(self, 1, BINS, "bins")
        within(self, 0, BINS, "cells")
        within(self, 1, CANDIDATES, "max_pairs", "max_triplets")

    @property
    def cheap(self) -> float:
        """Pairs of an event below which no window needs to be closed; 0 without `headroom`."""
        return self.max_pairs / self.headroom**2 if self.headroom else 0.0


def eased(config: GraphConfig, pairs: Sequence[int]) -> GraphConfig:
    """The same with efficiencies as high as the pairs of some events leave `headroom` for."""
    left = float(np.clip(np.mean(pairs) / config.cheap, LEAST_LOSS, 1.0))
    stated = {name: getattr(config, f"{name}_efficiency") for name in EFFICIENCIES}
    # No efficiency in slope means no window there.
    return replace(config, **{f"{name}_efficiency": e and 1 - (1 - e) * left for name, e in stated.items()})


def _windows(config: GraphConfig, known: Sequence[tuple[Points, NDArray[np.int64]]], frame: Frame) -> Windows:
    windows = learn_windows(known, frame, config.segment_efficiency, config.bins, config.cheap)
    if not config.cells:
        return windows
    return with_cells(windows, known, frame, config.cell_efficiency, config.cells, config.cheap)


class LearnedGraph:
    """Builds segment graphs in one detector with what was learned from events."""

    def __init__(
        self,
        config: GraphConfig,
        detector: Detector,
        builder: Windows | Embedding,
        pair_gate: Gate,
        limits: NDArray[np.float64],
        triplet_gate: Gate,
        slope_window: Floats | float = np.inf,
    ) -> None:
        self.config, self.detector, self.frame = config, detector, Frame.of(detector)
        self.builder, self.pair_gate, self.triplet_gate = builder, pair_gate, triplet_gate
        self.limits = limits
        window, n = np.ravel(slope_window).astype(np.float64), detector.n_layers
        # one number for all, or the windows of another detector's layers: the widest serves
        self.slope_window = window if len(window) == n else np.full(n, window.max())

    @classmethod
    def learn(
        cls,
        config: GraphConfig,
        detector: Detector,
        events: Iterable[Event],
        seed: int = 0,
        progress: Progress | None = None,
    ) -> LearnedGraph:
        """Learn what finds pairs, the gate on these pairs, the limits on triplets, and the gate on those."""
        from .learn_embedding import learn_embedding  # here: they need torch
        from .train_gate import train_gate

        kind = _builder(config)
        frame, targets = Frame.of(detector), Targets(config.min_pt, config.min_hits)
        samples: list[Sample] = []
        for event in events:
            points = points_of(event.hits, detector, frame)
            samples.append((event.number, points, true_segments(event, points, targets, frame)))
            if progress:
                progress("true segments", len(samples), 0)
        known, asked = [s[1:] for s in samples], config
        builder: Windows | Embedding
        if kind is Embedding:
            builder = learn_embedding(known, frame, config.segment_efficiency, seed, progress=progress)
        else:
            builder = _windows(config, known, frame)
            if config.headroom:
                asked = eased(config, [builder.pairs(points, frame, 0)[1] for points, _ in known])
                builder = _windows(asked, known, frame)
        rng = np.random.default_rng(seed)
        limits, window = _limits(asked, frame, samples)
        gates = Gate.open(len(DOUBLET_FEATURES)), Gate.open(len(TRIPLET_FEATURES) + 2)
        draft = cls(config, detector, builder, gates[0], limits, gates[1], window)
        draft.pair_gate = train_gate(
            *draft._pair_sample(samples, rng), asked.pair_efficiency, seed, progress=progress
        )
        draft.triplet_gate = train_gate(
            *draft._triplet_sample(samples, rng), asked.triplet_efficiency, seed, progress=progress
        )
        return draft

    def build(self, event: Event) -> tuple[Points, SegmentGraph]:
        """The graph of one event; doublets without any triplet are left out. Raises `OverBudget`.

        Where tracks have four hits or more, so are triplets that no other one continues, unless the gate takes them for
        likely: a track of which a segment was lost is joined from such pieces later.
        """
        points = points_of(event.hits, self.detector, self.frame)
        doublets, logits = self._doublets(points, self._pairs(event.number, points))
        parts = self._triplets(event.number, points, doublets, logits)
        if self.config.min_hits >= 4:
            self._drop_alone(parts, logits)
        triplets, features = in_order(parts, len(doublets))
        del logits
        used = np.zeros(len(doublets), bool)
        used[triplets.ravel()] = True
        renumber = np.cumsum(used, dtype=np.int32) - 1
        doublets = doublets[used]
        return points, SegmentGraph(
            doublets=doublets,
            doublet_features=doublet_features(points, self.frame, doublets),
            triplets=renumber[triplets],
            triplet_features=features,
        )

    def candidates(self, number: int, points: Points) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Pairs of the points of event `number` that the builder looks at, and those of them that its gate keeps."""
        pairs = self._pairs(number, points)
        return pairs, self._doublets(points, pairs.copy())[0]

    def meets(self, event: Event) -> bool:
        """Whether any pair of hits of an event is one that the builder looks at, before any gate."""
        return self.builder.pairs(points_of(event.hits, self.detector, self.frame), self.frame, 1)[1] > 0

    def _pairs(self, number: int, points: Points) -> NDArray[np.int32]:
        pairs, needed = self.builder.pairs(points, self.frame, self.config.max_pairs)
        if needed > self.config.max_pairs:
            raise OverBudget(number, "pairs of hits", needed, self.config.max_pairs)
        return pairs

    def _doublets(
        self, points: Points, pairs: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Pairs that pass the gate, sorted by their first point, and their logits; see there for what becomes of `pairs`."""
        return self.pair_gate.doublets(points, self.frame, pairs)

    def _triplets(
        self, number: int, points: Points, doublets: NDArray[np.int32], logits: NDArray[np.float32]
    ) -> list[Part]:
        budget = self.config.max_triplets
        parts, needed = join_doublets(
            points, self.frame, doublets, self.limits, budget, logits, self.triplet_gate, self.slope_window
        )
        if needed > budget:
            raise OverBudget(number, "triplets", needed, budget)
        return parts

    def _drop_alone(self, parts: list[Part], logits: NDArray[np.float32]) -> None:
        """Leave out, part by part, triplets that no other one continues and that the gate does not take for likely."""
        starts, ends = np.zeros(len(logits), bool), np.zeros(len(logits), bool)
        for triplets, _ in parts:
            starts[triplets[:, 0]], ends[triplets[:, 1]] = True, True
        for k, (triplets, features) in enumerate(parts):
            kept = ends[triplets[:, 0]] | starts[triplets[:, 1]]
            alone = np.flatnonzero(~kept)
            read = _gate_features(features[alone], triplets[alone], logits)
            kept[alone] = self.triplet_gate.logits(read) > ALONE
            parts[k] = triplets[kept], features[kept]

    def _pair_sample(
        self, samples: list[Sample], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        def one(sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
            number, points, segments = sample
            pairs = _some(self._pairs(number, points), TRAINING_ROWS // len(samples), rng)
            return doublet_features(points, self.frame, pairs), is_true(pairs, segments)

        return _shuffled((one(s) for s in samples), rng)

    def _triplet_sample(
        self, samples: list[Sample], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        def one(sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
            number, points, segments = sample
            doublets, logits = self._doublets(points, self._pairs(number, points))
            triplets, features = in_order(self._triplets(number, points, doublets, logits), len(doublets))
            rows = _some(np.arange(len(triplets)), TRAINING_ROWS // len(samples), rng)
            triplets, features, true = triplets[rows], features[rows], is_true(doublets, segments)
            return _gate_features(features, triplets, logits), true[triplets[:, 0]] & true[triplets[:, 1]]

        return _shuffled((one(s) for s in samples), rng)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Everything learned, as named arrays."""
        parts: dict[str, NDArray[np.generic]] = {
            "limits": self.limits,
        }
        if self.config.slope_efficiency:
            parts["slope_window"] = self.slope_window
        for name, part in (
            (self.config.builder, self.builder),
            ("pair_gate", self.pair_gate),
            ("triplet_gate", self.triplet_gate),
        ):
            parts |= {f"{name}.{k}": v for k, v in part.state().items()}
        return parts

    @classmethod
    def from_state(
        cls, config: GraphConfig, detector: Detector, state: Mapping[str, NDArray[np.generic]]
    ) -> LearnedGraph:
        """Rebuild from `state`."""

        def part(name: str) -> dict[str, NDArray[np.generic]]:
            return {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}

        return cls(
            config,
            detector,
            _builder(config)(**part(config.builder)),  # type: ignore[arg-type]
            Gate(**part("pair_gate")),  # type: ignore[arg-type]
            state["limits"].astype(np.float64),
            Gate(**part("triplet_gate")),  # type: ignore[arg-type]
            state["slope_window"].astype(np.float64) if "slope_window" in state else np.inf,
        )


def _builder(config: GraphConfig) -> type[Windows] | type[Embedding]:
    kinds: dict[str, type[Windows] | type[Embedding]] = {"windows": Windows, "embedding": Embedding}
    if config.builder not in kinds:
        raise BadConfig(f"no graph builder {config.builder!r}: choose one of {', '.join(kinds)}")
    return kinds[config.builder]


def is_true(pairs: NDArray[np.int32], segments: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pairs are among the (sorted) true segments. Shape (n,)."""
    if len(segments) == 0:
        return np.zeros(len(pairs), bool)
    wanted = segments[:, 0] << 32 | segments[:, 1]
    asked = pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1]
    return wanted[np.minimum(np.searchsorted(wanted, asked), len(wanted) - 1)] == asked


def _gate_features(
    features: NDArray[np.float32], triplets: NDArray[np.int32], logits: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What the gate on triplets reads: their features and what the other gate said of their two doublets."""
    return np.concatenate([features, logits[triplets]], axis=1)


def _limits(config: GraphConfig, frame: Frame, samples: list[Sample]) -> tuple[Floats, Floats]:
    """Interval of each triplet feature, window in slope of each layer: those that keep the stated fractions of triplets."""
    limits = np.tile([-np.inf, np.inf], (len(TRIPLET_FEATURES), 1))
    features, turns, layers = [], [], []
    for _, points, segments in samples[:: max(1, len(samples) // 20)]:
        doublets = segments.astype(np.int32)
        parts, _ = join_doublets(points, frame, doublets, limits, config.max_triplets)
        triplets, values = in_order(parts, len(doublets))
        inner, outer = slopes(points, doublets)[triplets.T].astype(np.float64)
        features.append(values)
        turns.append(np.abs(outer - inner) / (1 + np.abs(inner)))
        layers.append(points.layer[doublets[triplets[:, 1], 0]])
    found = np.concatenate(features)
    tail = (1 - config.limit_efficiency) / (2 * len(LIMITED))
    for name in LIMITED if len(found) else ():
        k = TRIPLET_FEATURES.index(name)
        low, high = np.quantile(found[:, k], [tail, 1 - tail])
        limits[k] = low - 1e-3, high + 1e-3
    turn, layer = np.concatenate(turns), np.concatenate(layers)
    return limits, _slope_windows(config.slope_efficiency, turn, layer, len(frame.along_z))


def _slope_windows(efficiency: float, turn: Floats, layer: NDArray[np.int32], n_layers: int) -> Floats:
    """The change of slope (n,) that the stated fraction of the triplets of each layer stays within; infinite from one on.

    No layer has a wider one than all layers together, and a layer with too few triplets to know has that one: kinks of soft
    secondaries would set it, where others are rare.
    """
    if not efficiency or not len(turn):
        return np.full(n_layers, np.inf)
    whole = np.quantile(turn, efficiency)
    enough = KNOWN / (1 - efficiency) if efficiency < 1 else np.inf
    known = np.flatnonzero(np.bincount(layer, minlength=n_layers) >= enough)
    windows = np.full(n_layers, whole)
    windows[known] = [min(np.quantile(turn[layer == k], efficiency), whole) for k in known]
    return np.where(windows < 1, windows, np.inf)


def _some(rows: NDArray[Any], most: int, rng: np.random.Generator) -> NDArray[Any]:
    """All rows, or a random part of them where there are more than `most`."""
    return rows if len(rows) <= most else rows[np.sort(rng.choice(len(rows), most, replace=False))]


def _shuffled(
    parts: Iterable[tuple[NDArray[np.float32], NDArray[np.bool_]]], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Rows of all events in random order."""
    features, true = zip(*parts, strict=True)
    order = rng.permutation(sum(map(len, true)))
    return np.concatenate(features)[order], np.concatenate(true)[order]
