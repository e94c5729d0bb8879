"""Rebuild detector_geometries/hgcal from the wafer map of the CMS high-granularity endcap calorimeter.

    python scripts/build_hgcal_detector.py wafer_map_v16.6.txt wafer_cell_map.txt

The map: PFCal-dev/HGCElectronicsValidation, data/modmapv16.6_cmssw_flatfile.txt; the cells of cut wafers:
cms-data/Geometry-HGCalMapping. Scintillator tiles: rings and their ranges are facts from CMSSW,
Geometry/HGCalCommonData/data/hgcalHEmix/v17/hgcalHEmix.xml. All are written in the project's own format.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from gnnreco.geometry import check, load_detector
from gnnreco.geometry.importers import import_detector

TARGET = Path(__file__).resolve().parents[1] / "detector_geometries" / "hgcal"
FIRST_MIXED, N_PHI, CASSETTES = 34, 288, 12

# Edges of the rings: tiles grow outwards so that they stay square; every second edge lies midway.
EVEN = np.array(
    [1037.83, 1084.12, 1132.48, 1182.99, 1235.75, 1290.87, 1348.45, 1408.59, 1471.42, 1537.05, 1605.60]
)
EVEN = np.append(
    EVEN, [1677.22, 1752.03, 1830.17, 1911.80, 1997.08, 2086.15, 2179.20, 2276.40, 2377.93, 2483.99]
)
EVEN = np.append(EVEN, 2594.79)
EDGES = np.sort(np.concatenate([EVEN, (EVEN[1:] + EVEN[:-1]) / 2]))

Ranges = list[tuple[int, int, int, int]]


def _corners(first: int, *last: int) -> Ranges:
    """The corners of a cassette have fewer rings: 1 and 1 tiles, or 2, on each side of 20 in its middle."""
    if len(last) == 2:
        return [(1, 2, first, last[0]), (3, 22, first, last[1]), (23, 24, first, last[0])]
    a, b, c = last
    return [(1, 1, first, a), (2, 2, first, b), (3, 22, first, c), (23, 23, first, b), (24, 24, first, a)]


#: Tiles of one cassette of 24 in phi (of two for the third kind): first and last tile, first and last ring, from 1.
_PAIR: Ranges = [(1, 2, 8, 40), (3, 16, 8, 42), (17, 22, 7, 42), (23, 24, 7, 40)]
_PAIR += [(25, 26, 7, 40), (27, 32, 7, 42), (33, 46, 8, 42), (47, 48, 8, 40)]
_LATE: Ranges = [(1, 2, 1, 40), (3, 8, 1, 42), (9, 16, 2, 42), (17, 22, 1, 42), (23, 24, 1, 40)]
LAYERS: list[Ranges] = [
    *(_corners(19, 26, 28, 30), _corners(19, 28, 30, 32)),
    *(_corners(19, 32, 34), _corners(19, 32, 34), _corners(14, 36, 38), _corners(14, 38, 40)),
    *(4 * [_PAIR]),
    *(3 * [_LATE]),
    [(1, 8, 1, 40), (9, 16, 2, 40), (17, 24, 1, 40)],
]


def tiles(file: Path) -> int:
    """Write the table of sectors; how many tiles a side has."""
    lines, total, step = ["layer,r,phi_from,phi_to,n_phi"], 0, 360 / N_PHI
    for layer, ranges in enumerate(LAYERS, start=FIRST_MIXED):
        wide = 48 if ranges is _PAIR else 24
        for start in range(0, N_PHI, wide):
            for first, last, ring, end in ranges:
                r = " ".join(f"{edge:.3f}" for edge in EDGES[ring - 1 : end + 1])
                low, high, n = (start + first - 1) * step, (start + last) * step, last - first + 1
                lines.append(f"{layer},{r},{low:g},{high:g},{n}")
                total += n * (end - ring + 1)
    file.write_text("\n".join(lines) + "\n")
    return total


def main(wafers: Path, cells: Path) -> None:
    """Import, check, replace the tables and the description; the README stays."""
    with tempfile.TemporaryDirectory() as scratch:
        sectors, folder = Path(scratch) / "tiles.csv", Path(scratch) / "hgcal"
        n_tiles = tiles(sectors)
        options = {"cells": str(cells), "tiles": str(sectors), "turns": "3"}
        import_detector("wafer-map", wafers, folder, options=options)
        detector = load_detector(folder)
        for finding in check(detector):
            print(finding.severity, finding.code, finding.where, finding.message)
        TARGET.mkdir(exist_ok=True)
        for old in TARGET.glob("*.parquet"):
            old.unlink()
        for new in folder.iterdir():
            shutil.copyfile(new, TARGET / new.name)
    per_template = np.array([template.n_cells for template in detector.templates])
    size = sum(file.stat().st_size for file in TARGET.iterdir())
    print(
        f"{detector.n_sensors} sensors, {per_template[detector.template].sum()} cells, {n_tiles} tiles a side, "
        f"{size / 1e3:.0f} kB"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
