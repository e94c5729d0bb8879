"""Generates proton collisions with Pythia 8 as HepMC3 for the ACTS examples. Needs pythia8mc and pyhepmc.

python scripts/peers/pythia_events.py ttbar --events 50 --seed 101 -o ttbar.hepmc3
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pyhepmc
import pythia8mc

PROCESSES = {"ttbar": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"), "minbias": ("SoftQCD:all = on",)}
ENERGY_GEV = 14000
FLIGHT_MM = 1e-3  # decays nearer than this belong to the vertex before
BEAM, DECAYED, FINAL = 4, 2, 1  # HepMC status
FROM_DECAY = range(91, 100)  # Pythia status of particles made in decays


def generator(process: str, seed: int) -> Any:
    """Pythia 8 for proton collisions at 14 TeV."""
    pythia = pythia8mc.Pythia("", False)
    settings = [
        f"Beams:eCM = {ENERGY_GEV}",
        "Random:setSeed = on",
        f"Random:seed = {seed}",
        "Print:quiet = on",
    ]
    for line in (*settings, *PROCESSES[process]):
        pythia.readString(line)
    if not pythia.init():
        raise SystemExit("Pythia could not be set up")
    return pythia


def convert(event: Any, number: int) -> pyhepmc.GenEvent:
    """Final particles at their true production points, linked through the particles that flew and decayed."""
    out = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.MM)
    out.event_number = number
    primary = pyhepmc.GenVertex((0, 0, 0, 0))
    for beam in (1, 2):
        primary.add_particle_in(_particle(event[beam], BEAM))
    vertices = {0: primary}
    origin = [
        0
    ] * event.size()  # index of the decayed particle whose vertex a particle comes out of; 0: primary
    for k in range(event.size()):  # mothers come before their daughters
        particle = event[k]
        if particle.statusAbs() in FROM_DECAY:
            mother = particle.mother1()
            origin[k] = mother if _flight(event[mother]) > FLIGHT_MM else origin[mother]
        if origin[k] not in vertices:
            _decay(event, origin[k], origin, vertices)
        if particle.isFinal():
            vertices[origin[k]].add_particle_out(_particle(particle, FINAL))
    for vertex in vertices.values():
        out.add_vertex(vertex)
    return out


def _decay(event: Any, k: int, origin: list[int], vertices: dict[int, pyhepmc.GenVertex]) -> None:
    """Add the decay vertex of particle `k`; that of its own origin is there already."""
    p = event[k]
    vertices[k] = pyhepmc.GenVertex((p.xDec(), p.yDec(), p.zDec(), p.tDec()))
    decayed = _particle(p, DECAYED)
    vertices[k].add_particle_in(decayed)
    vertices[origin[k]].add_particle_out(decayed)


def _particle(p: Any, status: int) -> pyhepmc.GenParticle:
    return pyhepmc.GenParticle((p.px(), p.py(), p.pz(), p.e()), p.id(), status)


def _flight(p: Any) -> float:
    x, y, z = p.xDec() - p.xProd(), p.yDec() - p.yProd(), p.zDec() - p.zProd()
    return float((x * x + y * y + z * z) ** 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("process", choices=PROCESSES)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    pythia, done = generator(args.process, args.seed), 0
    part = args.output.with_suffix(".part")
    with pyhepmc.open(str(part), "w", format="hepmc3") as file:
        while done < args.events:
            if pythia.next():
                file.write(convert(pythia.event, done))
                done += 1
    part.replace(args.output)
    print(f"{args.output}: {done} events of {args.process}, seed {args.seed}")


if __name__ == "__main__":
    main()
