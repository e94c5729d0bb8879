"""Single Geant4 showers as events to train the fast simulation on: in cells of a millimetre, many showers an event.

    python scripts/geant4_points.py SHOWERS.npz ... -o FOLDER [--per-event 40] [--electrons ELECTRONS.npz ...]

SHOWERS.npz are those of `scripts/geant4_events.py`, all in one stack of plates, shot at any angle. Written are
FOLDER/detector, FOLDER/train and FOLDER/test (each fifth shower): events for `gnnreco train fastsim`. Its network draws
points, not cells, so that cells of any shape can be laid over them later. Showers of pions need electrons in the same
plates besides: the sampling fraction is theirs. `--thick DETECTOR` takes showers in plates that stand for the thick layers of a
detector (`scripts/thick_layers.py`), and writes them in the pieces of these layers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from geant4_events import (
    SPLITS,
    Placed,
    Showers,
    e_over_mip,
    geant4_event,
    read_showers,
    write_detector,
)
from geant4_plates import description
from thick_layers import in_pieces

from gnnreco.columns import Event
from gnnreco.events import write_events
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import SimulationOptions

EVERYTHING = SimulationOptions(cell_noise=0.0, cell_threshold=0.0)
CELLS = "kind: grid, pitch: [1, 1], cells: [1600, 1600]"
ANY_ANGLE = np.pi / 2


def events(showers: Showers, detector: Detector, per_event: int) -> Iterator[Event]:
    """All showers, each once, where they were shot."""
    order = np.random.default_rng(1).permutation(len(showers.energy))
    for number, row in enumerate(np.array_split(order, -(-len(order) // per_event))):
        none, one = np.zeros(len(row)), np.ones(len(row))
        at = Placed(row, none, none, none, one)
        rng = np.random.default_rng([1, number])
        yield Event(number, "geant4 showers", *geant4_event(showers, at, detector, EVERYTHING, rng))


def main() -> None:
    """Write the detector and both samples."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--per-event", type=int, default=40)
    parser.add_argument("--electrons", type=Path, nargs="+", help="whose visible energy is the scale")
    parser.add_argument("--thick", metavar="DETECTOR", help="whose thick layers these plates stand for")
    asked = parser.parse_args()
    parts = {split: read_showers(asked.files, split, ANY_ANGLE) for split in SPLITS}
    if asked.thick:
        whole, note = load_detector(asked.thick), ""
        (text, parts["train"]), (_, parts["test"]) = (
            in_pieces(parts[split], whole, CELLS) for split in SPLITS
        )
    else:
        scale = parts
        if asked.electrons:
            scale = {split: read_showers(asked.electrons, split, ANY_ANGLE) for split in SPLITS}
        seen = e_over_mip(*scale.values())
        text, note = description(parts["train"].stack, seen, CELLS), f"; e / mip {seen:.4f}"
    detector = write_detector(asked.output / "detector", text)
    for split, showers in parts.items():
        write_events(events(showers, detector, asked.per_event), asked.output / split, detector=detector)
        print(f"{asked.output / split}: {len(showers.energy)} showers{note}")


if __name__ == "__main__":
    main()
