"""What particle flow found in an event: particles with what they are made of, jets, missing momentum."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import PARTICLE_CLASSES, Floats, ReconstructedParticles
from gnnreco.display.pack import Pack
from gnnreco.files.json_types import JsonObject

NUMBERS = ("energy", "energy_sigma", "pt", "eta", "phi", "mass", "charge", "score", "class_probability")
LISTS = {"tracks": "track_index", "clusters": "cluster_index", "hits": "hit_index"}


def add_flow(pack: Pack, particles: ReconstructedParticles | None) -> JsonObject | None:
    """Pack found particles (`q_`), their anti-kt jets (`j_`) and tell the missing transverse momentum."""
    if particles is None:
        return None
    pack.add("q_class", particles.class_index, "uint8")
    three = np.stack([particles.px, particles.py, particles.pz], axis=1)
    pack.add("q_direction", _unit(three), "float32")
    for name in NUMBERS:
        pack.add(f"q_{name}", getattr(particles, name), "float32")
    for name, attribute in LISTS.items():
        offsets, index = particles._ragged()[attribute]
        pack.add(f"q_{name}_offsets", offsets, "int32")
        pack.add(f"q_{name}", index, "int32")
    missing = -three[:, :2].sum(axis=0)
    return {
        "count": len(particles),
        "classes": list(PARTICLE_CLASSES),
        "missing": [float(value) for value in missing],
        **_add_jets(pack, np.column_stack([three, particles.energy])),
    }


def _add_jets(pack: Pack, particles: Floats) -> JsonObject:
    """Pack the anti-kt jets above the pt from which `gnnreco evaluate` counts them, where there is FastJet."""
    from gnnreco.evaluate.particles import find_jets, jets  # here, since pages of hits alone need none of it

    there = jets.installed()
    found = find_jets(particles, "antikt", least=jets.LEAST) if there else np.zeros((0, 4))
    pt, mass2 = np.hypot(found[:, 0], found[:, 1]), found[:, 3] ** 2 - (found[:, :3] ** 2).sum(axis=1)
    pack.add("j_direction", _unit(found[:, :3]), "float32")
    for name, values in (("energy", found[:, 3]), ("pt", pt), ("mass", np.sqrt(np.maximum(mass2, 0.0)))):
        pack.add(f"j_{name}", values, "float32")
    about: JsonObject = {
        "radius": jets.RADIUS,
        "least": jets.LEAST,
        "without_jets": "" if there else jets.HOW,
    }
    return {"jets": len(found), **about}


def _unit(three: Floats) -> Floats:
    length = np.linalg.norm(three, axis=1, keepdims=True)
    return three / np.where(length > 0, length, 1.0)
