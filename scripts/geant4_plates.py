"""A stack of plates, as Geant4's showers are made in, as the layers of a detector description."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from geant4_materials import material

LIGHT = 100.0  # mm: matter with longer radiation lengths is light
FRONT = 3200.0  # mm along z, where the first plate begins


@dataclass(frozen=True)
class PlateLayer:
    """A sensitive plate and what lies before it, back to the last one.

    Attributes
    ----------
    middle, active : float
        z of the middle of the sensitive plate, and its thickness, mm.
    radiation, interaction, moliere : float
        Lengths of either kind, and the Moliere radius (mm) of the mixture.
    gap : float
        Of air and other light plates right before the sensitive one, mm.
    share : float
        Of what a minimum-ionising particle loses in the layer, the part in the sensitive plate.
    """

    middle: float
    active: float
    radiation: float
    interaction: float
    moliere: float
    gap: float
    share: float


def plate_layers(stack: list[list[object]]) -> list[PlateLayer]:
    """The layers of a stack from the front; the material of the first lacks the gap of air that others begin with."""
    layers, sums, gap, z = [], np.zeros(4), 0.0, FRONT
    for name, thick, *sensitive in stack:
        t = float(thick)  # type: ignore[arg-type]
        radiation, interaction, critical = material(name)
        sums += [t / radiation, t / interaction, t / radiation * critical, t]
        if sensitive:
            # 21.2 MeV over the critical energy, in radiation lengths: both of the mixture.
            moliere, share = 21.2 * sums[3] / sums[2], t / radiation * critical / sums[2]
            layers.append(PlateLayer(z + t / 2, t, sums[0], sums[1], moliere, gap, share))
            sums = np.zeros(4)
        gap = gap + t if radiation > LIGHT and not sensitive else 0.0
        z += t
    return layers


def description(stack: list[list[object]], seen: float, template: str) -> str:
    """The plates as a detector.yaml.

    Parameters
    ----------
    seen : float
        Visible energy of showers over what the shares of the layers (`PlateLayer`) would give of it: e / mip.
    template : str
        The cells, as in the section `templates`, without the thickness.
    """
    kinds: dict[tuple[float, ...], list[float]] = {}
    for layer in plate_layers(stack):
        numbers = (layer.radiation, layer.interaction, layer.moliere, seen * layer.share, layer.gap)
        key = (layer.active, *(float(f"{number:.6g}") for number in numbers))
        kinds.setdefault(key, []).append(round(layer.middle, 4))
    return described(kinds, template)


def described(kinds: dict[tuple[float, ...], list[float]], template: str) -> str:
    """A detector.yaml of planes.

    Parameters
    ----------
    kinds : dict
        Of each kind of layer where its planes stand (z, mm), by thickness of the sensor (mm), radiation and interaction
        lengths, Moliere radius (mm), sampling fraction and gap of air (mm; NaN if it is not known).
    """
    templates, subsystems, sensors = [], [], []
    for k, ((active, radiation, interaction, moliere, fraction, gap), middles) in enumerate(kinds.items()):
        air = "" if math.isnan(gap) else f", air_gap: {gap}"
        templates.append(f"  plate_{k}: {{{template}, thickness: {active:g}}}")
        subsystems.append(
            f"  plates_{k}:\n    measures: [energy]\n    material: {{radiation_lengths: {radiation}, "
            f"interaction_lengths: {interaction}, moliere_radius: {moliere}, sampling_fraction: {fraction}{air}}}"
        )
        sensors.append(f"  - {{rule: planes, template: plate_{k}, subsystem: plates_{k}, z: {middles}}}")
    head = """\
# Written by scripts/geant4_events.py: the plates of a stack of single showers.
format: gnnreco-detector/1
name: plates
units: {length: mm, angle: deg, field: T}
field: {kind: solenoid, bz: 0.0}
"""
    parts = {"templates": templates, "subsystems": subsystems, "sensors": sensors}
    return head + "".join(f"{name}:\n" + "\n".join(lines) + "\n" for name, lines in parts.items())
