"""Do the hits of a full simulation of the Open Data Detector lie on our sensors?

    python scripts/odd_vs_full_simulation.py event_1.json [--json FILE]

The file is an event of ColliderML's display (github.com/OpenDataDetector/ColliderML, MIT): Geant4 positions of tracker
hits, centres of calorimeter cells. Prints, per subsystem, the hits, the fraction located within 0.1 micrometre, within
half a cell, and the largest distance from the middle plane. Status 1 if a tracker hit lies on no sensor.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.geometry import Detector, load_detector

EXACT = 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("event", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    event = json.loads(args.event.read_text(encoding="utf-8"))
    detector = load_detector("odd")
    tracker, calorimeter = (positions(event[key]) for key in ("all_tracker_hits", "calo_hits"))
    volume = np.array([hit["volume_id"] for hit in event["all_tracker_hits"]])
    rows = compare(detector, tracker, volume) + compare(detector, calorimeter, None)
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if all(row["exact"] == 1.0 for row in rows if row["kind"] == "tracker") else 1


def positions(hits: list[dict[str, float]]) -> NDArray[np.float64]:
    """The positions (n, 3) of hits, mm."""
    return np.array([[hit[axis] for axis in "xyz"] for hit in hits]).reshape(-1, 3)


def compare(
    detector: Detector, xyz: NDArray[np.float64], volume: NDArray[np.int64] | None
) -> list[dict[str, object]]:
    """One row a subsystem; with `volume` a hit on a sensor of another volume counts as lost."""
    if not len(xyz):
        return []
    size = float(max(detector.pitch_u.max(), detector.pitch_v.max()))
    near = detector.locate(xyz, size)
    exact = detector.locate(xyz, EXACT) >= 0
    if volume is not None:
        exact &= detector.labels["volume_id"][near] == volume
    uvw = detector.to_local(near, xyz)
    rows = []
    for number in np.unique(detector.subsystem[near[near >= 0]]):
        own = (near >= 0) & (detector.subsystem[near] == number)
        rows.append(
            {
                "kind": "calorimeter" if volume is None else "tracker",
                "subsystem": detector.subsystems[number].name,
                "hits": int(own.sum()),
                "exact": round(float(exact[own].mean()), 4),
                "off_plane_um": round(float(np.abs(uvw[own, 2]).max()) * 1000, 3),
            }
        )
    if (near < 0).any():
        rows.append({"kind": "lost", "subsystem": "none", "hits": int((near < 0).sum()), "exact": 0.0})
    return rows


if __name__ == "__main__":
    sys.exit(main())
