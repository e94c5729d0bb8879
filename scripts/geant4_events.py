"""Events of overlaid Geant4 showers in a stack of plates, and the same events by the embedded simulation.

    python scripts/geant4_events.py SHOWERS.npz ... -o FOLDER --events 300 [--count 10] [--seed 1] [--split train|test]

SHOWERS.npz hold single showers in one stack of plates: a row a deposit (event, layer, x_mm, y_mm, edep_mev) and a row a
shower (energy_gev: kinetic, px, py, pz: direction), as geant4_showers.py writes them. Written are FOLDER/detector, a
description of the plates with hexagonal cells, and FOLDER/geant4-SPLIT and FOLDER/embedded-SPLIT: the same particles at
the same places, their showers once taken from the files, once made by gnnreco. Cells, noise and threshold are the same.

Each fifth shower of a file is kept for tests. A shower serves many events, each time elsewhere, turned around z at random and
perhaps mirrored: the plates do not change under these. Showers hit the plates where the files shot them, straight or
nearly so; the plates lie 3.2 m from the origin and the showers near the axis, so that they point away from it.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from geant4_plates import FRONT, description, plate_layers

from gnnreco.columns import Event, Floats, Hits, Ints, Particles, Truth
from gnnreco.events import write_events
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import Engines, SimulationOptions
from gnnreco.simulate.generators.generated import Generated
from gnnreco.simulate.readout import measured
from gnnreco.simulate.showers.hits import read_out
from gnnreco.simulate.showers.shower import Shares, gathered
from gnnreco.simulate.transport import Transport

CODES = {"gamma": 22, "e-": 11, "e+": -11, "pi-": -211, "pi+": 211}
MASS = {22: 0.0, 11: 0.51099895e-3, 211: 0.13957039}  # GeV, by the code without its sign
COLUMNS = (
    *("event", "layer", "x_mm", "y_mm", "edep_mev"),
    *("energy_gev", "px", "py", "pz", "particle", "stack"),
)
GUN = 1.0  # mm before it, as in the files
BACK, LEAKING = 2.0, 0.02  # a shower leaks that leaves more than this part in so many last radiation lengths
ENOUGH = 20  # showers that stay inside
HELD_BACK = 5  # one of so many showers is for tests
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Showers:
    """Single showers, all in one stack of plates.

    Attributes
    ----------
    stack : list
        ``[material, mm]`` of each plate from the front, ``"sensitive"`` after those that measure.
    pdg : int64 (n,)
    energy : float64 (n,)
        Kinetic, GeV.
    way : float64 (n, 3)
        Direction at the gun, which stands at x = y = 0.
    offsets : int64 (n + 1,)
        Deposits ``offsets[i]:offsets[i + 1]`` belong to shower i.
    layer : int64 (m,)
    x, y : float64 (m,)
        mm.
    deposit : float64 (m,)
        GeV.
    """

    stack: list[list[object]]
    pdg: Ints
    energy: Floats
    way: Floats
    offsets: Ints
    layer: Ints
    x: Floats
    y: Floats
    deposit: Floats


@dataclass(frozen=True)
class Placed:
    """The showers of one event and where they are: rows, mm, rad around z, and mirrored (-1) or not (1) before that.

    All are shot at `z` (mm).
    """

    row: Ints
    x: Floats
    y: Floats
    angle: Floats
    mirror: Floats
    z: float = FRONT - GUN

    def turned(self, shower: Ints, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Vectors of some of the event's showers, mirrored and turned with them."""
        v = self.mirror[shower] * v
        cosine, sine = np.cos(self.angle[shower]), np.sin(self.angle[shower])
        return cosine * u - sine * v, sine * u + cosine * v


def read_showers(files: Sequence[Path], split: str, steepest: float = 0.1) -> Showers:
    """The showers of a split, of all files, that were shot within `steepest` rad of the normal."""
    parts = [_read(file, split, steepest) for file in files]
    first = parts[0]
    for file, part in zip(files, parts, strict=True):
        if part.stack != first.stack:
            raise SystemExit(f"{file}: other plates than {files[0]}")
    names = ("pdg", "energy", "way", "layer", "x", "y", "deposit")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    return Showers(first.stack, offsets=np.concatenate([[0], np.cumsum(counts)]), **joined)


def every_shower(files: Sequence[Path], steepest: float = 0.1) -> Showers:
    """The showers of both splits, for programs that nothing is trained by."""
    parts = [read_showers(files, split, steepest) for split in SPLITS]
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("pdg", "energy", "way", "layer", "x", "y", "deposit")
    }
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    return Showers(parts[0].stack, offsets=np.append(0, np.cumsum(counts)), **columns)


def _read(file: Path, split: str, steepest: float) -> Showers:
    try:
        with np.load(file, allow_pickle=False) as table:
            columns = {name: table[name] for name in COLUMNS}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise SystemExit(f"{file}: holds no showers of geant4_showers.py ({error}); make it again") from error
    if str(columns["particle"]) not in CODES:
        raise SystemExit(f"{file}: showers of {columns['particle']}; there is {', '.join(CODES)}")
    way = np.stack([columns["px"], columns["py"], columns["pz"]], axis=1)
    energy, number = columns["energy_gev"], np.arange(len(way))
    held_back = number % HELD_BACK == HELD_BACK - 1
    keep = (held_back == (split == "test")) & (np.hypot(way[:, 0], way[:, 1]) <= np.sin(steepest))
    order = np.argsort(columns["event"], kind="stable")
    order = order[keep[columns["event"][order]]]
    count = np.bincount(columns["event"][order], minlength=len(way))[keep]
    return Showers(
        json.loads(str(columns["stack"])),
        np.full(keep.sum(), CODES[str(columns["particle"])]),
        energy[keep],
        way[keep],
        np.concatenate([[0], np.cumsum(count)]),
        columns["layer"][order].astype(np.int64),
        columns["x_mm"][order].astype(np.float64),
        columns["y_mm"][order].astype(np.float64),
        columns["edep_mev"][order] / 1e3,
    )


def e_over_mip(*parts: Showers) -> float:
    """Visible energy of showers over what the shares of the layers would give of their energy.

    Of those that stay inside, where they are enough: what leaks is no matter of the sampling fraction.
    """
    layers = plate_layers(parts[0].stack)
    share, depth = (np.array([getattr(layer, name) for layer in layers]) for name in ("share", "radiation"))
    behind = np.cumsum(depth[::-1])[::-1] <= BACK
    energy = np.concatenate([part.energy for part in parts])
    seen, late = (
        np.concatenate([_sum(part, part.deposit / share[part.layer] * some[part.layer]) for part in parts])
        for some in (np.ones(len(share)), behind)
    )
    inside = late < LEAKING * seen
    if np.count_nonzero(inside) < ENOUGH:
        inside[:] = True
    return float(seen[inside].sum() / energy[inside].sum())


def _sum(showers: Showers, values: Floats) -> Floats:
    """Of the deposits of each shower."""
    of = np.repeat(np.arange(len(showers.energy)), np.diff(showers.offsets))
    return np.bincount(of, values, len(showers.energy)).astype(np.float64)


def placed(showers: Showers, count: int, radius: float, rng: np.random.Generator) -> Placed:
    """Different showers, anywhere in a disc around the axis (mm)."""
    row = rng.choice(len(showers.energy), count, replace=False)
    r, phi = radius * np.sqrt(rng.random(count)), rng.uniform(0, 2 * np.pi, count)
    angle, mirror = rng.uniform(0, 2 * np.pi, count), rng.choice([-1.0, 1.0], count)
    return Placed(row, r * np.cos(phi), r * np.sin(phi), angle, mirror)


def primaries(showers: Showers, at: Placed) -> Generated:
    """The particles that are shot at the plates."""
    everyone = np.arange(len(at.row))
    mass = np.array([MASS[code] for code in np.abs(showers.pdg[at.row]).tolist()])
    energy, way = showers.energy[at.row], showers.way[at.row]
    p = np.sqrt(energy * (energy + 2 * mass))
    ux, uy = at.turned(everyone, way[:, 0], way[:, 1])
    return Generated(
        showers.pdg[at.row].astype(np.int32),
        p * ux,
        p * uy,
        p * way[:, 2],
        at.x,
        at.y,
        np.full(len(p), at.z),
        np.zeros(len(p)),
        np.zeros(len(p), np.int32),
    )


def overlaid(showers: Showers, at: Placed, detector: Detector) -> Shares:
    """What each of the event's showers left in each cell; what lies outside all cells is lost."""
    lengths = np.diff(showers.offsets)[at.row]
    shower = np.repeat(np.arange(len(at.row)), lengths)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    row = np.repeat(showers.offsets[at.row], lengths) + within
    x, y = at.turned(shower, showers.x[row], showers.y[row])
    sensor = np.argsort(detector.center[:, 2])[showers.layer[row]]  # each layer is one sensor, not turned
    cell = detector.cell_at(sensor, x + at.x[shower], y + at.y[shower]).astype(np.int64)
    real = cell >= 0
    return gathered(
        Shares(
            shower[real], sensor[real] << 32 | cell[real], showers.deposit[row[real]], np.zeros(real.sum())
        )
    )


def geant4_event(
    showers: Showers, at: Placed, detector: Detector, options: SimulationOptions, rng: np.random.Generator
) -> tuple[Hits, Truth]:
    """Hits and truth of showers from the files."""
    hits, hit, particle, energy = read_out(detector, overlaid(showers, at, detector), options, rng)
    return hits, Truth(as_particles(primaries(showers, at)), hit, particle, energy=energy)


def embedded_event(
    shot: Generated,
    transport: Transport,
    detector: Detector,
    options: SimulationOptions,
    rng: np.random.Generator,
    engine: Engines | None = None,
) -> tuple[Hits, Truth]:
    """Hits and truth of the same particles by the embedded simulation."""
    flown = transport(shot, rng)
    if len(flown.particles) != len(shot):
        raise RuntimeError("something was made before the first plate: there is nothing to make it in")
    hits, hit, particle, energy = measured(detector, flown, options, rng, engine)
    return hits, Truth(as_particles(shot), hit, particle, energy=energy)


def as_particles(shot: Generated) -> Particles:
    """The truth's particles; numbers in the fields of an ACTS barcode, as `gnnreco simulate` gives them."""
    number = 1 << 51 | (np.arange(len(shot)) + 1) << 23
    charge = np.sign(shot.pdg) * np.where(np.abs(shot.pdg) == 211, 1, -1) * (shot.pdg != 22)
    return Particles(
        number, shot.pdg, charge.astype(np.float64), shot.vx, shot.vy, shot.vz, shot.px, shot.py, shot.pz
    )


def events(
    kind: str,
    showers: Showers,
    detector: Detector,
    n: int,
    count: int,
    radius: float,
    stream: tuple[int, int],
) -> Iterator[Event]:
    """Events of one kind (``geant4`` or ``embedded``); their particles depend on the `stream` and their number alone."""
    options = SimulationOptions()
    transport = Transport(detector, options)
    for number in range(n):
        at = placed(showers, count, radius, np.random.default_rng([*stream, number]))
        rng = np.random.default_rng([*stream, number, 1])
        made = (
            geant4_event(showers, at, detector, options, rng)
            if kind == "geant4"
            else embedded_event(primaries(showers, at), transport, detector, options, rng)
        )
        yield Event(number, f"{kind} showers, seed {stream[0]}", *made)


def write_detector(folder: Path, text: str) -> Detector:
    """Write the description where it is missing, and load it; another one in its place is an error."""
    file = folder / "detector.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.read_text() != text:
        raise SystemExit(f"{file} describes other plates or cells; write to another folder")
    file.write_text(text)
    return load_detector(folder)


def main() -> None:
    """Write the detector and both samples of one split."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--count", type=int, default=10, help="showers in an event")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--radius", type=float, default=150.0, help="of the disc in which they lie, mm")
    parser.add_argument("--cell", type=float, default=11.7, help="width of a cell, mm")
    asked = parser.parse_args()
    showers = read_showers(asked.files, asked.split)
    other = read_showers(asked.files, next(split for split in SPLITS if split != asked.split))
    seen = e_over_mip(showers, other)
    cells = f"kind: hex, flat_to_flat: {asked.cell:g}, hexagon: {2 * asked.radius + 500:g}"
    detector = write_detector(asked.output / "detector", description(showers.stack, seen, cells))
    print(f"{len(showers.energy)} showers, {(showers.pdg == 22).sum()} of them photons; e / mip {seen:.4f}")
    for kind in ("geant4", "embedded"):
        made = events(
            kind,
            showers,
            detector,
            asked.events,
            asked.count,
            asked.radius,
            (asked.seed, SPLITS.index(asked.split)),
        )
        folder = asked.output / f"{kind}-{asked.split}"
        write_events(made, folder, detector=detector)
        print(folder)


if __name__ == "__main__":
    main()
