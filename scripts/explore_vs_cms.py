"""Compare what `gnnreco explore` finds in CMS event-display archives with the superclusters that CMS wrote into them.

    python scripts/explore_vs_cms.py ARCHIVE.ig ... [--least 5] [--window 0.05] [--json FILE]

A supercluster is found if a cluster of electromagnetic cells (collections EBRecHits, EERecHits) lies within the window
of it, in the root of the squares of the differences in eta and phi, both seen from the origin; of several the one of
the highest energy counts. The ratio is the energy of that cluster over the supercluster's ``rawEnergy``, the sum of its
crystals before corrections. Clusters come from the hits alone: no training, no detector, no knowledge of CMS.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.cli.table import show
from gnnreco.columns import Floats
from gnnreco.events import open_events
from gnnreco.events.readers.bounded import members
from gnnreco.events.readers.display.ispy import column, read_event
from gnnreco.tasks.explore import explore

CRYSTALS = ("EBRecHits", "EERecHits")


def direction(xyz: Floats) -> tuple[Floats, Floats]:
    """Pseudorapidity and azimuth of points (n, 3)."""
    x, y, z = xyz.T
    return np.arcsinh(z / np.hypot(x, y)), np.arctan2(y, x)


def superclusters(file: Path, name: str) -> tuple[Floats, Floats]:
    """Positions (n, 3), mm, and energies (n,), GeV, before corrections, as CMS found them."""
    content = read_event(file, name)
    names = [str(c) for c, _ in content["Types"]["SuperClusters_V1"]]
    rows = content["Collections"]["SuperClusters_V1"]
    xyz, energy = (column(file, name, names, rows, c, w) for c, w in (("pos", 3), ("rawEnergy", 1)))
    return 1000 * xyz, energy[:, 0]


def matched(file: Path, least: float, window: float) -> tuple[Floats, Floats]:
    """Energies of the superclusters of an archive above `least` GeV, and of what was found there; NaN: nothing."""
    names = [name for name in members(file) if name.startswith("Events/")]
    theirs, ours = [], []
    for event, name in zip(open_events(file, None), names, strict=True):
        view = explore(event)
        clusters = view.clusters
        kind = view.part[clusters.hit_index[clusters.offsets[:-1]]]
        of_crystals: NDArray[np.bool_] = np.isin(kind, [view.parts.index(c) for c in CRYSTALS])
        eta, phi = direction(np.stack([clusters.x, clusters.y, clusters.z], axis=1)[of_crystals])
        energy = clusters.energy[of_crystals]
        xyz, true = superclusters(file, name)
        for e, p, t in zip(*direction(xyz), true, strict=True):
            if t > least:
                apart = np.hypot(eta - e, (phi - p + np.pi) % (2 * np.pi) - np.pi)
                theirs.append(t)
                ours.append(energy[apart < window].max(initial=-1))
    found = np.array(ours)
    return np.array(theirs), np.where(found >= 0, found, np.nan)


def main() -> None:
    """Print one row an archive."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--least", type=float, default=5.0, help="GeV (default: 5)")
    parser.add_argument("--window", type=float, default=0.05, help="in eta and phi (default: 0.05)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    for file in args.archives:
        theirs, ours = matched(file, args.least, args.window)
        ratio = (ours / theirs)[np.isfinite(ours)]
        low, middle, high = np.quantile(ratio, [0.16, 0.5, 0.84]) if len(ratio) else 3 * [np.nan]
        rows.append(
            {
                "archive": file.name,
                "superclusters": len(theirs),
                "found": int(np.isfinite(ours).sum()),
                "ratio_median": round(float(middle), 3),
                "ratio_16": round(float(low), 3),
                "ratio_84": round(float(high), 3),
                "within_20_percent": int((np.abs(ratio - 1) < 0.2).sum()),
            }
        )
    show(rows, args.json)


if __name__ == "__main__":
    main()
