"""The calorimeters and the drift chamber that `new` begins, as YAML.

Constants of silicon and tungsten: Particle Data Group, Review of Particle Physics 2024, table 6.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from .new_trackers import row, steps

SILICON = 0.3  # mm
TUNGSTEN = 3.504  # mm in a radiation length; 99.46 mm in an interaction length; Moliere radius 9.3 mm
GAP = 2.0  # mm of air, boards and silicon between two absorbers
# What a minimum-ionising particle leaves, MeV/mm; electrons of a shower leave less of it in the light material.
SILICON_LOSS, TUNGSTEN_LOSS, ELECTRONS = 0.388, 2.21, 0.8


def _material(depth: float) -> tuple[str, float]:
    """The material of a layer of `depth` radiation lengths, and how far the next one is, mm."""
    absorber = depth * TUNGSTEN
    silicon = SILICON * SILICON_LOSS
    share = ELECTRONS * silicon / (silicon + absorber * TUNGSTEN_LOSS)
    moliere = 9.3 * (absorber + GAP) / absorber
    text = (
        f"{{radiation_lengths: {depth:g}, interaction_lengths: {absorber / 99.46:.3g},\n"
        f"               moliere_radius: {moliere:.3g}, sampling_fraction: {share:.3g}, air_gap: 0.3}}"
    )
    return text, absorber + GAP


SUBSYSTEM = """\
subsystems:
  # material: a whole layer at normal incidence, absorber and all; sampling_fraction: energy left in the silicon over
  # energy left in the layer; air_gap: mm of air or other light matter between absorber and silicon (only showers that are
  # simulated by the network of `--engine fastsim` know it).
  {name}:
    measures: [energy]
    material: {material}
"""


def block(n: Mapping[str, float]) -> str:
    """Layers of square cells across a beam."""
    material, spacing = _material(n["depth"])
    cells = max(round(n["width"] / n["cell"]), 1)
    return f"""\
templates:
  # One kind of sensor: square cells, pitch and number along u and v.
  layer: {{kind: grid, pitch: [{n["cell"]:g}, {n["cell"]:g}], cells: [{cells}, {cells}], thickness: {SILICON}}}

{SUBSYSTEM.format(name="block", material=material)}
sensors:
  - rule: planes
    template: layer
    subsystem: block
    z: {row(steps(n["first"], spacing, n["layers"]))}
"""


def endcap(n: Mapping[str, float]) -> str:
    """Disks of hexagonal wafers, cut ones at the rims."""
    material, spacing = _material(n["depth"])
    width = n["wafer"]
    common = f"kind: hex, flat_to_flat: {n['cell']:g}, thickness: {SILICON}, hexagon: {width:g}"
    return f"""\
templates:
  # Hexagonal cells in hexagonal wafers; the partial wafers of the rims keep 3/4, 1/2 or 1/4 of the height.
  whole: {{{common}}}
  three_quarters: {{{common}, keep_below: {width / 4:g}}}
  half: {{{common}, keep_below: 0}}
  quarter: {{{common}, keep_below: {-width / 4:g}}}

{SUBSYSTEM.format(name="endcap", material=material)}
sensors:
  # Where the whole wafer sticks out between r_min and r_max, the largest cut one that fits takes its place.
  - rule: wafers
    subsystem: endcap
    templates: [whole, three_quarters, half, quarter]
    spacing: {width + 1:g}
    r_min: {n["r_min"]:g}
    r_max: {n["r_max"]:g}
    z: {row(steps(n["first"], spacing, n["layers"]))}
"""


def chamber(n: Mapping[str, float]) -> str:
    """One whole ring of pads at each end, the gas in front of it as the thickness of the sensor."""
    rows, low, high = int(n["rows"]), n["r_min"], n["r_max"]
    around = max(round(math.pi * (low + high) / n["pad"]), 3)
    edges = [low + (high - low) * i / rows for i in range(rows + 1)]
    return f"""\
templates:
  # Rows of pads between circles; the thickness is the length of the drift, which ends on the pads at w = -thickness / 2.
  end:
    kind: polar
    r: {row(edges)}
    phi: [0, 360, {around}]
    thickness: {n["drift"]:g}

subsystems:
  # Argon and methane: mm/ns, ns, mm per root of a mm (across, along), GeV, mm, ns, electrons before the gas amplifies
  # them. The charge itself is the hit.
  gas:
    measures: [charge]
    material: {{radiation_lengths: {n["drift"] / 110000:.3g}, interaction_lengths: {n["drift"] / 700000:.3g}}}
    drift: {{velocity: 0.05, sample: 50, diffusion: [0.07, 0.07], pair_energy: 2.6e-8, pad_response: {n["pad"] / 3:.3g},
            shaping: 80, noise: 0.5, threshold: 1.5, gain_spread: 1}}

sensors:
  # w points from the pads into the gas: towards the middle on both sides.
  - rule: planes
    template: end
    subsystem: gas
    z: [{-n["drift"] / 2 - 1:g}, {n["drift"] / 2 + 1:g}]
    turn: [[0, 0, 0], [180, 0, 0]]
"""
