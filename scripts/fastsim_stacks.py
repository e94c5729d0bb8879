"""Stacks of plates that nobody will build, to train the fast simulation on: what holds in all of them holds in the next.

    python scripts/fastsim_stacks.py -o FOLDER [--count 32] [--seed 5] [--crossed | --alternating [--boards]] [--deep]

Each is a JSON file as Geant4's showers are made in (`geant4_showers.py --stack`): plates from the front as [material, mm], with
"sensitive" after those that measure. Absorbers: tungsten, lead, iron, copper, tungsten with copper, lead with iron,
molybdenum, tin, 0.3 to 1.5 radiation lengths a layer, in four of ten stacks more from a depth on; sensors: silicon,
scintillator, liquid argon; 19 to 30 radiation lengths. By the numbers of the stacks, absorber and sensor hang together: tungsten and
copper stand with silicon alone, scintillator with lead and molybdenum. With `--crossed` the first 24 stacks have each absorber with
each sensor. With `--alternating` every second layer has another absorber, thickness
and gap, as cassettes with sensors on both faces have, and steel may stand behind; `--boards` puts a board, which stops soft
electrons, right before or behind the sensors of three in four wide gaps. Uranium is left out: it is in a stack for tests, and so are
the cassettes of a high-granularity endcap. With `--deep` also
those for charged pions (`DEEP`), 8 to 9 interaction lengths; there lead is the absorber for tests.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from geant4_materials import MATERIALS

from gnnreco.evaluate.fastsim.showers import THRESHOLD

ABSORBERS = (["W"], ["Pb"], ["Fe"], ["Cu"], ["W", "Cu"], ["Pb", "Fe"], ["Mo"], ["Sn"])
METALS, METAL_SHARE = ("W", "Pb", "Cu", "Fe", "Mo", "Sn"), (0.25, 0.25, 0.2, 0.15, 0.08, 0.07)
SENSORS = {"Si": "G4_Si", "SC": "G4_PLASTIC_SC_VINYLTOLUENE", "LAR": "G4_lAr"}
THICKNESS = {"Si": (0.1, 0.75), "SC": (1.0, 6.0), "LAR": (1.5, 6.0)}  # mm
SILICON = ["G4_Si", 0.3, "sensitive"]
#: Copper between two plates of tungsten and copper, silicon on both faces, and lead with boards and connectors in between.
COLD_PLATE = [
    ["G4_Cu", 0.58],
    ["G4_W", 0.815],
    ["G4_Cu", 6.05],
    ["G4_W", 0.815],
    ["G4_Cu", 0.58],
    ["G4_AIR", 0.4],
]
BOARD: list[tuple[str, float]] = [("G4_PLEXIGLASS", 1.6), ("G4_AIR", 3.6)]
FOR_TESTS: dict[str, list[list[object]]] = {
    "uranium": 40
    * [
        ["G4_U", 2.2],
        ["G4_AIR", 1.0],
        [SENSORS["SC"], 2.5, "sensitive"],
        ["G4_AIR", 0.5],
    ],
    "cassettes": [["G4_Pb", 3.1], *map(list, BOARD[::-1]), SILICON]
    + 12 * [*COLD_PLATE, SILICON, *map(list, BOARD), ["G4_Pb", 5.2], *map(list, BOARD[::-1]), SILICON]
    + [*COLD_PLATE, SILICON],
}


@dataclass(frozen=True)
class Stack:
    """A stack of plates to compare in.

    Attributes
    ----------
    name, plates : str
    cells : str
        A template of cells that are laid over the plates, or a detector in whose thick layers they stand.
    finder : str
        A bundle that finds showers in such cells; empty where none does.
    threshold : float
        Cells below it are not compared, in what a minimum-ionising particle leaves in the layer.
    """

    name: str
    plates: str
    cells: str
    finder: str
    threshold: float = THRESHOLD


STACKS = (
    Stack("endcap", "hgcal", "kind: hex, flat_to_flat: 11.7, hexagon: 900", "showers-hgcal"),
    Stack("uranium", "uranium.json", "kind: grid, pitch: [15, 20], cells: [80, 60]", "showers-any"),
    Stack("cassettes", "cassettes.json", "kind: hex, flat_to_flat: 11.7, hexagon: 900", "showers-hgcal"),
    # In these thick layers 0.005 is 0.2 to 1.4 MeV of a shower; the challenge leaves out cells below 1 MeV.
    Stack("thick", "thick.json", "calochallenge_ds1_photons", "", 0.005),
)


def repeated(count: int, *plates: list[object]) -> list[list[object]]:
    """The same plates, one layer after the other."""
    return [list(plate) for _ in range(count) for plate in plates]


def steel(count: int, thick: float) -> list[list[object]]:
    """Layers of steel and scintillator."""
    gap: list[object] = ["G4_AIR", 1.0]
    return repeated(count, ["G4_Fe", thick], gap, [SENSORS["SC"], 3.0, "sensitive"], gap)


DEEP = {
    "deep_steel_scintillator": steel(65, 20.0),
    "deep_endcap": repeated(27, ["G4_W", 3.2], ["G4_Cu", 1.0], ["G4_Si", 0.3, "sensitive"], ["G4_AIR", 2.0])
    + steel(24, 25.0)
    + steel(14, 45.0),
    "deep_steel_silicon": repeated(
        42, ["G4_Fe", 35.0], ["G4_AIR", 1.0], ["G4_Si", 0.45, "sensitive"], ["G4_AIR", 3.0]
    ),
    "deep_lead": repeated(
        75, ["G4_Pb", 18.0], ["G4_AIR", 0.5], [SENSORS["SC"], 2.5, "sensitive"], ["G4_AIR", 0.5]
    ),
}


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Uniform in the logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def drawn(number: int, seed: int, crossed: bool = False) -> list[list[object]]:
    """One stack."""
    rng = np.random.default_rng([seed, 2, number] if crossed else [seed, number])
    metals = ABSORBERS[number % len(ABSORBERS)]
    sensor = ["Si", "SC", "Si", "LAR"][(number // 2 + number) % 4] if number % 3 else "Si"
    if crossed:
        sensor = tuple(SENSORS)[number // len(ABSORBERS) % len(SENSORS)]
    active = {kind: round(between(rng, *range_), 3) for kind, range_ in THICKNESS.items()}[sensor]
    step = between(rng, 0.3, 1.5)
    later = step * (np.exp(rng.uniform(0, 0.8)) if rng.random() < 0.4 else 1.0)
    gap = between(rng, 0.3, 6.0)
    before, total = rng.uniform(0, 1), rng.uniform(19, 30)
    change, share = rng.uniform(6, 14), rng.uniform(0.4, 0.9)
    plates: list[list[object]] = []
    depth, layer = 0.0, 0
    while depth < total:
        thick = step if depth < change else later
        shares = [1.0] if len(metals) == 1 else [share, 1 - share]
        if layer % 2 and number % 16 > 7:  # layers that alternate, as in real ones
            shares = shares[::-1]
        for metal, part in zip(metals, shares, strict=True):
            plates.append([f"G4_{metal}", round(thick * part * MATERIALS[f"G4_{metal}"][0], 3)])
        plates += air(gap * before)
        plates.append([SENSORS[sensor], active, "sensitive"])
        plates += air(gap * (1 - before))
        depth, layer = depth + thick, layer + 1
    return plates


def alternating(number: int, seed: int, boards: bool = False) -> list[list[object]]:
    """One stack of cassettes: two kinds of layers in turn, a thin first one, more absorber from a depth on, steel behind."""
    rng = np.random.default_rng([seed, 1, number])
    kind = ("Si", "SC", "Si", "LAR")[number % 4]
    sensor: list[object] = [SENSORS[kind], round(between(rng, *THICKNESS[kind]), 3), "sensitive"]
    wide = (1.0, 9.0) if boards else (0.2, 8.0)
    absorbers = [METALS[k] for k in rng.choice(len(METALS), 2, p=METAL_SHARE)]
    steps, gaps = [between(rng, 0.4, 1.6) for _ in range(2)], [between(rng, *wide) for _ in range(2)]
    before = rng.uniform(0, 1, 2)
    first, total, change, more = (
        rng.uniform(0.3, 1),
        rng.uniform(19, 28),
        rng.uniform(6, 18),
        rng.uniform(1, 1.8),
    )
    depths = [first * steps[0]]
    while sum(depths) < total:
        side = len(depths) % 2
        depths.append(steps[side] * (more if side == 0 and sum(depths) > change else 1.0))
    layers = [(absorbers[k % 2], depth, gaps[k % 2], before[k % 2]) for k, depth in enumerate(depths)]
    if rng.random() < 0.5:
        layers += 8 * [("Fe", rng.uniform(1.2, 3.0), gaps[0], before[0])]
    with_board = [boards and gap > BOARD[0][1] + 0.4 and rng.random() < 0.75 for gap in gaps]
    plates: list[list[object]] = []
    for k, (metal, depth, gap, share) in enumerate(layers):
        plates.append([f"G4_{metal}", round(depth * MATERIALS[f"G4_{metal}"][0], 3)])
        left = gap - (BOARD[0][1] if with_board[k % 2] else 0.0)
        front, back = air(left * share), air(left * (1 - share))
        if with_board[k % 2] and share > 0.5:
            front.append(list(BOARD[0]))
        elif with_board[k % 2]:
            back.insert(0, list(BOARD[0]))
        plates += [*front, sensor, *back]
    return plates


def air(thick: float) -> list[list[object]]:
    """A gap, where it is one."""
    return [["G4_AIR", round(thick, 3)]] if thick > 0.05 else []


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--crossed", action="store_true")
    parser.add_argument("--alternating", action="store_true")
    parser.add_argument("--boards", action="store_true")
    parser.add_argument("--deep", action="store_true")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    draw = partial(drawn, crossed=asked.crossed)
    if asked.alternating:
        draw = partial(alternating, boards=asked.boards)
    stacks = {f"stack_{number:02d}": draw(number, asked.seed) for number in range(asked.count)}
    for name, plates in (stacks | FOR_TESTS | (DEEP if asked.deep else {})).items():
        (asked.output / f"{name}.json").write_text(json.dumps(plates))
        print(asked.output / f"{name}.json")


if __name__ == "__main__":
    main()
