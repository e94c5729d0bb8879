"""What every detector must answer: see `gnnreco.testing`.

Cells and sensors are sampled, so that a detector of any size takes seconds; the first run compiles kernels.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gnnreco.columns import Event
from gnnreco.geometry import Detector, between_layers, check, find_detector, load_detector, neighbours_of
from gnnreco.simulate import SimulationOptions, simulate

Ids = NDArray[np.uint64]

SECONDS, MEGABYTES = 1.0, 200.0
ABSOLUTE = re.compile(r"(?:^|[\s\"'\[{,:(=])(?:/[A-Za-z0-9_.~-]+/|~/|[A-Za-z]:[\\/]|file:)")


class Case:
    """A detector under test, and the samples its checks share.

    Parameters
    ----------
    detector : str or Path
        A folder, or a name that `load_detector` knows.
    cells : int
        How many cells to sample.
    seed : int
        Of the sample.
    """

    def __init__(self, detector: str | Path, cells: int = 300, seed: int = 0) -> None:
        self.folder, self.n_cells, self.seed = find_detector(detector), cells, seed

    @cached_property
    def detector(self) -> Detector:
        """The detector itself."""
        return load_detector(self.folder)

    @cached_property
    def cells(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Sensors of every template, and cells of theirs under random points; at least one a template."""
        random, detector = np.random.default_rng(self.seed), self.detector
        _, first = np.unique(detector.template, return_index=True)
        sensor = np.concatenate([first, random.integers(0, detector.n_sensors, self.n_cells)])
        # Tries enough that a narrow ring in its box is hit.
        sensor = np.repeat(sensor, 20)
        box = np.stack([detector.half_u, detector.half_v], axis=1)[sensor]
        uv = random.uniform(-1, 1, (len(sensor), 2)) * box
        cell = detector.cell_at(sensor, uv[:, 0], uv[:, 1])
        there = np.flatnonzero(cell >= 0)
        _, once = np.unique(there // 20, return_index=True)
        kept = there[once]
        return sensor[kept].astype(np.int32), cell[kept]

    @cached_property
    def ids(self) -> Ids:
        """The sample as sorted cell ids."""
        return np.unique(self.detector.cell_id(*self.cells))

    @cached_property
    def event(self) -> Event:
        """A few particles: electrons where energy is measured, muons elsewhere."""
        return _shoot(self.detector, self.seed)


def check_detector(detector: str | Path, cells: int = 300, seed: int = 0) -> None:
    """Run every check of `CHECKS`.

    Parameters
    ----------
    detector : str or Path
        A folder, or a name that `load_detector` knows.
    cells, seed : int
        Size and seed of the sample.

    Raises
    ------
    AssertionError
        Naming every check that failed, and how.
    BadGeometry
        If there is no such detector, or it cannot be loaded at all.

    Examples
    --------
    >>> check_detector("telescope")  # doctest: +SKIP
    """
    case = Case(detector, cells, seed)
    run_checks(CHECKS, case, case.folder)


def run_checks(checks: Iterable[Callable[[Any], None]], case: Any, name: object) -> None:
    """Run all checks of a case; raise `AssertionError` with every one that failed."""
    faults = []
    for one in checks:
        try:
            one(case)
        except AssertionError as fault:
            faults.append(f"{one.__name__}: {fault}")
    if faults:
        raise AssertionError(f"{name}:\n" + "\n".join(faults))


def description_names_no_machine(case: Case) -> None:
    """No absolute path stands in detector.yaml: the folder works wherever it lies."""
    for number, line in enumerate((case.folder / "detector.yaml").read_text().splitlines(), 1):
        found = ABSOLUTE.search(line.split("#")[0])
        assert found is None, f"line {number} names a place of one machine: {line.strip()}"


def check_finds_nothing(case: Case) -> None:
    """`gnnreco detector check` is clean of errors."""
    found = [finding for finding in check(case.folder) if finding.severity == "error"]
    assert not found, "; ".join(f"{f.where}: {f.message} ({f.suggestion})" for f in found[:5])


def loads_quickly(case: Case) -> None:
    """Loading takes under a second of processor time, and gives the same detector each time, of less than 200 MB."""
    assert load_detector(case.folder).hash == case.detector.hash, "two loads differ"
    taken = []
    for _ in range(3):
        start = time.thread_time()
        load_detector(case.folder)
        taken.append(time.thread_time() - start)
        if taken[-1] < SECONDS:
            break
    assert min(taken) < SECONDS, f"loading takes {min(taken):.2f} s"
    held = _held(case.detector) / 1e6
    assert held < MEGABYTES, f"the detector holds {held:.0f} MB"


def cells_are_where_they_say(case: Case) -> None:
    """Cell to position to cell is the identity, in space too, and a cell lies inside its own corners."""
    detector, (sensor, cell) = case.detector, case.cells
    assert len(cell), "no point of any sensor lies in a cell"
    xyz = detector.cell_position(sensor, cell)
    assert np.isfinite(xyz).all(), _named(
        sensor, cell, np.asarray(~np.isfinite(xyz).all(axis=1)), "have no position"
    )
    local = detector.to_local(sensor, xyz)
    back = detector.cell_at(sensor, local[:, 0], local[:, 1])
    assert (back == cell).all(), _named(sensor, cell, back != cell, "do not hold their own position")
    located = detector.locate(xyz)
    wrong = located != sensor
    assert not wrong.any(), _named(sensor, cell, wrong, "lie on another sensor, says locate")
    corners = detector.cell_corners(sensor, cell)
    beyond = np.maximum(corners.min(axis=1) - xyz, xyz - corners.max(axis=1))
    outside = beyond.max(axis=1) > 1e-6
    assert not outside.any(), _named(sensor, cell, outside, "lie outside their corners")


def ids_and_channels_round_trip(case: Case) -> None:
    """A cell's id and its channel numbers name it and no other."""
    detector, (sensor, cell) = case.detector, case.cells
    again = detector.split_cell_id(detector.cell_id(sensor, cell))
    assert (again[0] == sensor).all(), "cell ids lose the sensor"
    assert (again[1] == cell).all(), "cell ids lose the cell"
    for t in np.unique(detector.template[sensor]):
        template, mine = detector.templates[t], detector.template[sensor] == t
        wrong = template.cell(*template.channel(cell[mine])) != cell[mine]
        assert not wrong.any(), _named(sensor[mine], cell[mine], wrong, "are not found by their channels")


def neighbours_are_symmetric(case: Case) -> None:
    """Who is a neighbour has one, inside a sensor, across sensors and between layers; nobody is his own."""
    detector, ids = case.detector, case.ids[: case.n_cells]
    asks: dict[str, Callable[[Ids], tuple[NDArray, Ids]]] = {
        "beside": lambda cells: neighbours_of(detector, cells, gap=None),
        "before or behind": lambda cells: between_layers(detector, cells),
    }
    for what, ask in asks.items():
        offsets, found = ask(ids)
        origin = np.repeat(ids, np.diff(offsets))
        some = np.random.default_rng(case.seed).permutation(len(found))[: 4 * case.n_cells]
        offsets, back = ask(found[some])
        row = np.repeat(np.arange(len(some)), np.diff(offsets))
        seen = np.zeros(len(some), bool)
        seen[row[back == origin[some][row]]] = True
        one_way = detector.split_cell_id(found[some][~seen])
        assert seen.all(), _named(*one_way, np.ones(len(one_way[0]), bool), f"{what} are so one way only")
        assert not (found == origin).any(), f"cells are {what} themselves"


def moving_changes_nothing_else(case: Case) -> None:
    """A detector that is turned and moved has the same cells and neighbours, in the new place."""
    sensor, cell = case.cells
    # The sampled sensors and those beside them: turning a whole detector at random spoils every index of boxes.
    _, beside = neighbours_of(case.detector, case.ids, gap=None)
    keep = np.zeros(case.detector.n_sensors, bool)
    keep[sensor] = keep[case.detector.split_cell_id(beside)[0]] = True
    detector, sensor = case.detector.select(keep), (np.cumsum(keep) - 1)[sensor]
    ids = detector.cell_id(sensor, cell)
    turn = Rotation.from_rotvec([0.3, -0.5, 1.1]).as_matrix()
    shift = np.array([12.0, -34.0, 56.0])
    moved = detector.moved(turn, shift)
    xyz = detector.cell_position(sensor, cell) @ turn.T + shift
    assert np.allclose(moved.cell_position(sensor, cell), xyz, atol=1e-6), "positions do not follow"
    assert (moved.locate(xyz) == sensor).all(), "locate does not follow"
    before, after = (neighbours_of(some, ids, gap=None) for some in (detector, moved))
    same = len(before[1]) == len(after[1]) and (before[1] == after[1]).all()
    assert same, "neighbours change when the detector is moved"


def simulated_hits_lie_in_their_cells(case: Case) -> None:
    """A few particles make hits, the same ones each time, on cells that exist, inside them."""
    detector, hits = case.detector, case.event.hits
    assert len(hits), "no particle left a hit"
    again = _shoot(detector, case.seed).hits
    assert np.array_equal(hits.xyz, again.xyz), "the same seed gives other hits"
    assert np.isfinite(hits.xyz).all(), "a hit has no position"
    if hits.deposits is None:
        return
    hit = np.repeat(np.arange(len(hits)), np.diff(hits.deposits.offsets))
    sensor = hits.sensor[hit]
    cell = np.full(len(hit), -1, np.int32)
    for t in np.unique(detector.template[sensor]):
        mine = detector.template[sensor] == t
        cell[mine] = detector.templates[t].cell(hits.deposits.u[mine], hits.deposits.v[mine])
    assert (cell >= 0).all(), _named(sensor, hits.deposits.u, cell < 0, "are no channels of any cell")
    corners = detector.cell_corners(sensor, cell)
    local = detector.to_local(np.repeat(sensor, corners.shape[1]), corners.reshape(-1, 3))[:, :2]
    uv = local.reshape(*corners.shape[:2], 2)
    low, high = np.full((len(hits), 2), np.inf), np.full((len(hits), 2), -np.inf)
    np.minimum.at(low, hit, uv.min(axis=1))
    np.maximum.at(high, hit, uv.max(axis=1))
    place = detector.to_plane(hits.sensor, detector.to_local(hits.sensor, hits.xyz))
    away = np.maximum(low - place, place - high).max(axis=1)
    assert (away < 1e-3).all(), (
        f"{(away >= 1e-3).sum()} hits lie up to {away.max():.3g} mm outside their cells"
    )


CHECKS: tuple[Callable[[Case], None], ...] = (
    description_names_no_machine,
    check_finds_nothing,
    loads_quickly,
    cells_are_where_they_say,
    ids_and_channels_round_trip,
    neighbours_are_symmetric,
    moving_changes_nothing_else,
    simulated_hits_lie_in_their_cells,
)


def _held(thing: Any) -> int:
    """Bytes of all arrays that an object holds.

    `tracemalloc` would count what loading needs besides, but tears down the process where a thread of Arrow asks for memory
    while it stops (python/cpython#128679).
    """
    arrays, seen, waiting = {}, set(), [thing]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            while isinstance(one.base, np.ndarray):
                one = one.base
            arrays[id(one)] = one.nbytes
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        elif is_dataclass(one):
            waiting += [getattr(one, part.name) for part in fields(one)]
        elif hasattr(one, "__dict__"):
            waiting += vars(one).values()
    return sum(arrays.values())


def _shoot(detector: Detector, seed: int) -> Event:
    energy = any("energy" in part.measures for part in detector.subsystems)
    options = SimulationOptions(particle="electron" if energy else "muon", energy=(5.0, 5.0), count=4)
    return next(iter(simulate(detector, "gun", 1, seed=seed, options=options)))


def _named(sensor: NDArray, cell: NDArray, wrong: NDArray[np.bool_], what: str) -> str:
    """The first few cells of a list, by sensor and number."""
    rows = np.flatnonzero(wrong)
    cells = ", ".join(f"({sensor[row]}, {cell[row]})" for row in rows[:5])
    return f"{len(rows)} cells {what}; (sensor, cell): {cells}"
