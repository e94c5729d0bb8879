"""The trackers that `new` begins, as YAML."""

from __future__ import annotations

import math
from collections.abc import Mapping

MODULE = 20.0  # mm, width of a module of a barrel
TILT = 8.0  # degrees
MATERIAL = "{radiation_lengths: 0.012, interaction_lengths: 0.003}"


def row(values: list[float]) -> str:
    """Numbers as a YAML list."""
    return f"[{', '.join(f'{value:.6g}' for value in values)}]"


def steps(first: float, spacing: float, count: float) -> list[float]:
    """Evenly spaced positions."""
    return [first + spacing * i for i in range(int(count))]


def planes(n: Mapping[str, float]) -> str:
    """A telescope."""
    cells = max(round(n["width"] / n["pitch"]), 1)
    return f"""\
templates:
  # One kind of sensor: a grid of pixels, pitch and number along u and v.
  plane: {{kind: grid, pitch: [{n["pitch"]:g}, {n["pitch"]:g}], cells: [{cells}, {cells}], thickness: 0.1}}

subsystems:
  # material: at normal incidence, everything in the layer; resolution is pitch / sqrt(12) unless told.
  telescope: {{measures: [position], material: {{radiation_lengths: 0.001, interaction_lengths: 0.0003}}}}

sensors:
  # One sensor at each z; x, y and turn move and turn it.
  - rule: planes
    template: plane
    subsystem: telescope
    z: {row(steps(n["first"], n["spacing"], n["planes"]))}
"""


def barrel(n: Mapping[str, float]) -> str:
    """Cylinders of tilted modules, as many in phi as close the circle."""
    along = max(round(n["length"] / 60), 1)
    size = n["length"] / along
    places = row([(i - (along - 1) / 2) * size for i in range(along)])
    lines = []
    for number, radius in enumerate(steps(n["radius"], n["spacing"], n["layers"])):
        anchor = f"&z {places}" if number == 0 else "*z"
        lines.append(f"      - {{radius: {radius:g}, count: {_around(radius)}, tilt: {TILT:g}, z: {anchor}}}")
    cells = [max(round(width / n["pitch"]), 1) for width in (MODULE, size)]
    return f"""\
templates:
  # One kind of sensor: a grid of pixels, pitch and number along u (around the beam) and v (along it).
  module: {{kind: grid, pitch: [{MODULE / cells[0]:.9g}, {size / cells[1]:.9g}], cells: {row([*cells])}, thickness: 0.3}}

subsystems:
  # material: at normal incidence, everything in the layer; resolution is pitch / sqrt(12) unless told.
  barrel: {{measures: [position], material: {MATERIAL}}}

passive:
  - {{name: beam_pipe, radius: {0.6 * n["radius"]:g}, half_length: {n["length"]:g}, radiation_lengths: 0.0025,
     interaction_lengths: 0.002}}

sensors:
  # A layer: count modules around the beam at each z, turned by tilt so that neighbours overlap.
  - rule: barrel
    template: module
    subsystem: barrel
    layers:
""" + "".join(f"{line}\n" for line in lines)


def _around(radius: float) -> int:
    """Modules that close a circle, as seen from its centre."""
    across, out = MODULE / 2 * math.cos(math.radians(TILT)), MODULE / 2 * math.sin(math.radians(TILT))
    seen = math.atan2(across, radius + out) + math.atan2(across, radius - out)
    return max(math.ceil(2 * math.pi / (0.97 * seen)), 3)


def disks(n: Mapping[str, float]) -> str:
    """Rings of wedges, every second one a little further out along z."""
    count = max(8, 2 * math.ceil(math.pi * n["r_max"] / 60))
    half = (n["r_max"] - n["r_min"]) / 2
    # A little wider than its share, so that neighbours overlap.
    inner, outer = (1.02 * r * math.tan(math.pi / count) for r in (n["r_min"], n["r_max"]))
    cells = [math.ceil(2 * outer / n["pitch"]), max(math.ceil(2 * half / 20), 1)]
    pitch = [2 * outer / cells[0], 2 * half / cells[1]]
    near = steps(n["first"], n["spacing"], n["disks"])
    outline = ", ".join(
        row([u, v]) for u, v in ((-inner, -half), (inner, -half), (outer, half), (-outer, half))
    )
    return f"""\
templates:
  # A grid of short strips, cut to a wedge by its outline.
  wedge:
    kind: grid
    pitch: [{pitch[0]:.9g}, {pitch[1]:.9g}]
    cells: {row([*cells])}
    thickness: 0.3
    outline: [{outline}]

subsystems:
  # material: at normal incidence, everything in the layer; resolution is pitch / sqrt(12) unless told.
  disks: {{measures: [position], material: {MATERIAL}}}

sensors:
  # count wedges around the beam; every second one sits stagger further along z.
  - rule: disks
    subsystem: disks
    z: {row([*(-z for z in reversed(near)), *near])}
    rings: [{{template: wedge, radius: {n["r_min"] + half:g}, count: {count}, stagger: 3}}]
"""
