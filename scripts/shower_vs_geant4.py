"""Showers of the embedded simulation beside Geant4: profiles by depth, by radius, visible energy and its spread.

    python scripts/shower_vs_geant4.py DATA_FOLDER -o FOLDER [--events 400] [--particle photon pion] [--json FILE]

DATA_FOLDER holds `hgcal/geant4_reference/*.npz` (CMS full simulation: `hgcal_reference.py` says how its showers were shot and what its
histograms mean) and `geant4/*.npz` (single showers in a stack of plates). For each
histogram: chi-square for each bin with both statistical errors, and the plain difference, the sum of |ours - Geant4| over
the sum of Geant4. A parametrisation has systematic errors of per cents, the reference statistical ones of per mille: the
chi-square says how far from perfect it is, the difference how far from useful.

Weights of layers differ by ten from the front to the scintillator; "on the scale of electrons" each layer counts by
its sampling fraction in `hgcal` instead (mean fractions times mean energy, for both). The reference's silicon is of 200 micrometres up to layer 24, and
ours is scaled to that (`SILICON`).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import matplotlib

from gnnreco.columns import Floats

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from geant4_materials import material
from hgcal_reference import SILICON, WEIGHTS, reference, rings, shots
from numpy.typing import NDArray

from gnnreco.bundle import load_engine
from gnnreco.geometry import ConstantField, Detector, GridTemplate, Subsystem, load_detector
from gnnreco.particles import gun_codes, species_of
from gnnreco.simulate import Engines, SimulationOptions
from gnnreco.simulate.generators.generated import Generated
from gnnreco.simulate.matter.medium import media
from gnnreco.simulate.readout import measured
from gnnreco.simulate.transport import Transport

FIRST_PART = 26  # layers with tungsten, copper and lead
EVERYTHING = SimulationOptions(cell_noise=0.0, cell_threshold=0.0, sigma_xy=0.0, sigma_z=0.0)


@dataclass
class Comparison:
    """One histogram of both simulations: mean over showers and error of the mean, in each bin."""

    name: str
    axis: Floats
    ours: Floats
    ours_error: Floats
    theirs: Floats
    theirs_error: Floats

    def figures(self) -> dict[str, float]:
        """Chi-square for each bin that Geant4 fills to 0.1 % of its largest, and the plain difference."""
        filled = self.theirs > 1e-3 * self.theirs.max()
        error = np.hypot(self.ours_error, self.theirs_error)[filled]
        gap = (self.ours - self.theirs)[filled]
        chi2 = float((gap**2 / np.maximum(error, 1e-12) ** 2).mean())
        return {"chi2_per_bin": chi2, "difference": float(np.abs(gap).sum() / self.theirs[filled].sum())}


def sample(name: str, axis: Floats, ours: Floats, theirs: Floats) -> Comparison:
    """Compare the means of two tables with a row a shower."""
    return Comparison(
        name,
        axis,
        ours.mean(0),
        ours.std(0) / len(ours) ** 0.5,
        theirs.mean(0),
        theirs.std(0) / len(theirs) ** 0.5,
    )


def sample_of(name: str, ours: Floats, theirs: dict[str, Floats]) -> Comparison:
    """Compare the mean of a table with a row a shower with a histogram of the reference."""
    error = ours.std(0) / len(ours) ** 0.5
    axis = np.arange(float(ours.shape[1]))
    return Comparison(name, axis, ours.mean(0), error, theirs["ref_mean"], theirs["ref_sem"])


def fire(
    detector: Detector,
    particle: str,
    energies: Floats,
    direction: Floats,
    start: Floats,
    engine: Engines | None,
) -> tuple[NDArray[np.int64], NDArray[np.int32], Floats, Floats]:
    """One particle an event, directions and starts (n or 1, 3): number of the shower, sensor, mm and GeV of each cell."""
    transport, code = Transport(detector, EVERYTHING), gun_codes(particle)[0]
    species = species_of([code])
    mass = species.mass[species.rows(np.array([code]))][0]
    parts: list[tuple[NDArray[np.int64], NDArray[np.int32], Floats, Floats]] = []
    for number, energy in enumerate(energies):
        p, x = (
            np.sqrt(energy**2 - mass**2) * direction[number % len(direction), :, None],
            start[number % len(start), :, None],
        )
        one = Generated(
            np.array([code], np.int32), p[0], p[1], p[2], x[0], x[1], x[2], np.zeros(1), np.zeros(1, np.int32)
        )
        rng = np.random.default_rng([7, number])
        hits = measured(detector, transport(one, rng), EVERYTHING, rng, engine)[0]
        assert hits.energy is not None
        parts.append((np.full(len(hits), number), hits.sensor, hits.xyz, hits.energy))
    number, sensor, xyz, energy = zip(*parts, strict=True)
    return np.concatenate(number), np.concatenate(sensor), np.concatenate(xyz), np.concatenate(energy)


def binned(
    shower: NDArray[np.int64], column: NDArray[np.int64], energy: Floats, shape: tuple[int, int]
) -> Floats:
    """Energy by shower and column; what lies beyond the last column goes nowhere."""
    inside = (column >= 0) & (column < shape[1])
    flat = shower[inside] * shape[1] + column[inside]
    return np.bincount(flat, energy[inside], shape[0] * shape[1]).reshape(shape)


def against_reference(
    folder: Path, particle: str, energy: int, events: int, engine: Engines | None = None
) -> list[Comparison]:
    """Our `hgcal` beside the CMS full simulation: depth and its spread, rings, ratio."""
    detector = load_detector("hgcal")
    directions, starts = shots(detector, events)
    energies = np.full(events, float(energy))
    shower, sensor, xyz, e = fire(detector, particle, energies, directions, starts, engine)
    layer = detector.layer[sensor].astype(np.int64)
    # Our wafer map is a later one, with other silicon there; scintillator stays what it is.
    thickness, row = detector.thickness[sensor], np.minimum(layer, 46)
    sampled = binned(shower, layer, e / media(detector).fraction[sensor], (events, 47)).sum(0)
    e = e * np.where(thickness < 1.0, SILICON[row] / thickness, 1.0)
    e = np.where(layer < 47, e * WEIGHTS[row], 0.0)
    layers = binned(shower, layer, e, (events, 47))
    total = layers.sum(1, keepdims=True)
    kept = total[:, 0] > 0
    layers, fraction = layers[kept], layers[kept] / total[kept]

    name, theirs = f"{particle} {energy} GeV", reference(folder, particle, energy, "LongitudinalProfile")
    known = theirs["ref_sem"] > 0
    n = (theirs["ref_std"][known] / theirs["ref_sem"][known])[0] ** 2
    spread, m = fraction.std(0), len(fraction)
    result = [
        sample_of(f"{name}: depth", fraction, theirs),
        Comparison(
            f"{name}: spread of depth",
            np.arange(47.0),
            spread,
            spread / (2 * m) ** 0.5,
            theirs["ref_std"],
            theirs["ref_std"] / (2 * n) ** 0.5,
        ),
    ]
    theirs = reference(folder, particle, energy, "Transverse")
    ring = rings(detector, layer, xyz)
    radial = binned(shower, ring, e, (events, len(theirs["ref_mean"])))[kept] / total[kept]
    result.append(sample_of(f"{name}: rings", radial, theirs))
    result.append(ratios(name, total[:, 0] / energy, reference(folder, particle, energy, "EnergyRatio")))
    scale = np.divide(sampled, layers.sum(0), where=sampled > 0, out=np.zeros(47))
    ours, theirs_seen = (
        mean_of(result[-1], side) * getattr(result[0], side) * scale for side in ("ours", "theirs")
    )
    print(
        f"{name}: on the scale of electrons {ours.sum():.3f} (Geant4 {theirs_seen.sum():.3f}), "
        f"share of the first {FIRST_PART} layers {fraction.mean(0)[:FIRST_PART].sum():.3f} "
        f"({result[0].theirs[:FIRST_PART].sum() / result[0].theirs.sum():.3f}), "
        f"mean layer {mean_of(result[0], 'ours'):.2f} ({mean_of(result[0], 'theirs'):.2f})"
    )
    return result


def mean_of(one: Comparison, side: str) -> float:
    """Mean of a histogram, ``ours`` or ``theirs``."""
    return float(np.average(one.axis, weights=getattr(one, side)))


def ratios(name: str, ratio: Floats, theirs: dict[str, Floats]) -> Comparison:
    """The visible energy over the energy, as densities."""
    edges = theirs["binning"]
    width, middle = np.diff(edges), (edges[1:] + edges[:-1]) / 2
    count = np.histogram(ratio, edges)[0]
    mean = np.average(middle, weights=theirs["dist_ref"])
    sigma = np.sqrt(np.average((middle - mean) ** 2, weights=theirs["dist_ref"]))
    print(
        f"{name}: weighted energy ratio {ratio.mean():.4f} (Geant4 {mean:.4f}), "
        f"its relative spread {ratio.std() / ratio.mean():.3f} ({sigma / mean:.3f})"
    )
    scale = 1 / (len(ratio) * width)
    return Comparison(
        f"{name}: energy ratio",
        middle,
        count * scale,
        np.sqrt(np.maximum(count, 1)) * scale,
        theirs["dist_ref"],
        np.nan_to_num(theirs["dist_ref_err"]),
    )


def plates(stack: list[list[object]], fraction: float) -> Detector:
    """The stack of plates of a Geant4 file as a detector with 5 mm cells."""
    rows, sums, z = [], np.zeros(4), 0.0
    for name, thick, *sensitive in stack:
        radiation, interaction, critical = material(name)
        t = float(thick)  # type: ignore[arg-type]
        sums += [t / radiation, t / interaction, t / radiation * critical, t]
        if sensitive:
            rows.append([z + t / 2, *sums, t])
            sums = np.zeros(4)
        z += t
    table, n = np.array(rows), len(rows)
    moliere = np.full(n, 21.2 * table[-1, 4] / table[-1, 3])  # the gap before a plate is part of its layer
    none = np.zeros(n, np.int32)
    return Detector(
        "plates",
        Path(),
        ConstantField(0.0),
        (GridTemplate("plate", float(table[0, 5]), 5.0, 5.0, 200, 200),),
        (Subsystem("plates", ("energy",)),),
        n,
        none,
        np.arange(n, dtype=np.int32),
        none,
        np.stack([0 * table[:, 0], 0 * table[:, 0], table[:, 0]], axis=1),
        np.tile(np.eye(3), (n, 1, 1)),
        table[:, 1],
        table[:, 2],
        np.ones(n),
        np.ones(n),
        np.arange(n),
        moliere_radius=moliere,
        sampling_fraction=np.full(n, fraction),
    )


def against_plates(file: Path, events: int, engine: Engines | None = None) -> list[Comparison]:
    """Single Geant4 showers along the normal, around four energies: depth, radius, visible energy, cells."""
    table = np.load(file, allow_pickle=False)
    energy, particle = table["energy_gev"], "photon" if str(table["particle"]) == "gamma" else "electron"
    visible = np.bincount(table["event"], table["edep_mev"], len(energy)) / 1e3
    detector = plates(json.loads(str(table["stack"])), float((visible / energy)[(energy > 20)].mean()))
    mip, steps, result = 1.1e-4, np.array([0, 5, 10, 15, 20, 30, 40, 60, 80, 120, 200.0]), []
    for low, high in ((1, 2), (4, 7), (15, 25), (40, 65)):
        chosen = np.flatnonzero((energy > low) & (energy < high) & (table["pz"] > 0.9999))
        if len(chosen) < 30:
            chosen = np.flatnonzero((energy > low) & (energy < high))
            if (
                particle == "electron"
            ):  # thrown at angles up to 17 degrees: their depth is not comparable layer by layer
                continue
        hit = np.isin(table["event"], chosen)
        row, own = np.searchsorted(chosen, table["event"][hit]), energy[chosen]
        shot = np.resize(own, max(events, len(own)))
        n, m = len(own), len(shot)
        shower, sensor, xyz, e = fire(
            detector, particle, shot, np.array([[0.0, 0.0, 1.0]]), np.array([[0.0, 0.0, -1.0]]), engine
        )
        true, x, y = table["edep_mev"][hit] / 1e3, table["x_mm"][hit], table["y_mm"][hit]
        cell = (
            ((row * 100 + table["layer"][hit]) * 1000 + np.floor(x / 5) + 500) * 1000 + np.floor(y / 5) + 500
        )
        key, back = np.unique(cell.astype(np.int64), return_inverse=True)
        merged, of = np.bincount(back, true), key // 100_000_000
        radius = np.hypot(
            np.floor(x / 5) * 5 + 2.5, np.floor(y / 5) * 5 + 2.5
        )  # both by the middles of the cells
        layers = [
            binned(row, table["layer"][hit].astype(np.int64), true, (n, detector.n_layers)) / own[:, None],
            binned(shower, detector.layer[sensor].astype(np.int64), e, (m, detector.n_layers))
            / shot[:, None],
        ]
        shells = [
            binned(row, np.digitize(radius, steps) - 1, true, (n, len(steps) - 1)) / own[:, None],
            binned(shower, np.digitize(np.hypot(xyz[:, 0], xyz[:, 1]), steps) - 1, e, (m, len(steps) - 1))
            / shot[:, None],
        ]
        name = f"{file.stem} {particle} {low}-{high} GeV"
        result += [
            sample(f"{name}: depth", np.arange(float(detector.n_layers)), layers[1], layers[0]),
            sample(f"{name}: radius", (steps[1:] + steps[:-1]) / 2, shells[1], shells[0]),
        ]
        sums = [part.sum(1) for part in layers]
        cells = [np.bincount(of[merged > mip / 2], minlength=n).mean(), (e > mip / 2).sum() / m]
        print(
            f"{name}: visible {sums[1].mean():.5f} of the energy (Geant4 {sums[0].mean():.5f}), spread "
            f"{sums[1].std() / sums[1].mean():.3f} ({sums[0].std() / sums[0].mean():.3f}), cells over half a mip "
            f"{cells[1]:.0f} ({cells[0]:.0f})"
        )
    return result


def draw(comparisons: list[Comparison], file: Path) -> None:
    """All histograms on one page."""
    rows = -(-len(comparisons) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(18, 3.2 * rows), squeeze=False)
    for place, one in zip(axes.flat, comparisons, strict=False):
        place.step(one.axis, one.theirs, where="mid", color="black", label="Geant4")
        place.errorbar(one.axis, one.ours, one.ours_error, fmt=".", color="tab:blue", label="gnnreco")
        figures = one.figures()
        place.set_title(
            f"{one.name}\nchi2/bin {figures['chi2_per_bin']:.1f}, difference {figures['difference']:.1%}",
            fontsize=9,
        )
        if one.name.endswith(("rings", "radius")):
            place.set_yscale("log")
    axes.flat[0].legend()
    figure.tight_layout()
    figure.savefig(file, dpi=80)


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--events", type=int, default=400)
    parser.add_argument("--particle", nargs="+", choices=("photon", "pion"), default=("photon", "pion"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--engine", nargs="+", help="fastsim, bundles; without them the parametrisation")
    arguments = parser.parse_args()
    engine = load_engine(*arguments.engine) if arguments.engine else None
    comparisons = []
    for particle in arguments.particle:
        for energy in (5, 50, 500):
            events = arguments.events // (4 if energy == 500 else 1)
            comparisons += against_reference(arguments.data / "hgcal", particle, energy, events, engine)
    of_photons = sorted((arguments.data / "geant4").glob("*.npz")) if "photon" in arguments.particle else []
    for file in of_photons:
        comparisons += against_plates(file, arguments.events, engine)
    arguments.output.mkdir(parents=True, exist_ok=True)
    figures = {one.name: one.figures() for one in comparisons}
    for name, values in figures.items():
        print(f"{name:45s} chi2/bin {values['chi2_per_bin']:9.1f}   difference {values['difference']:7.1%}")
    draw(comparisons, arguments.output / "shower_vs_geant4.png")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
