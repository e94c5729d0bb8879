"""Small sound files of every foreign format, and of our own: what `mutant` damages, here and in ``scripts/fuzz.py``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from gnnreco.geometry import Finding, check, import_detector
from tests.geometry.importers.drawings.test_dd4hep import COMPACT, READOUTS, UNIT
from tests.geometry.importers.drawings.test_dd4hep import HEADER as PLACEMENTS
from tests.geometry.importers.test_acts import APPROACH, RECTANGLE, TRAPEZOID, surface
from tests.geometry.importers.test_acts import HEADER as ACTS
from tests.geometry.importers.test_importers import HEADER as TRACKML
from tests.geometry.importers.test_importers import ROWS
from tests.geometry.importers.test_wafer_map import lines


@dataclass(frozen=True)
class Seed:
    """A description and the file of it that is damaged.

    Attributes
    ----------
    format : str
        An importer, or ``detector.yaml``.
    damaged : str
        Name of the damaged file.
    files : dict of str
        Name to content; the first is the one that is imported.
    options : dict of str
        As for the importer; ``@name`` stands for one of the files.
    """

    format: str
    damaged: str
    files: dict[str, str]
    options: dict[str, str] = field(default_factory=dict)

    def read(self, folder: Path, content: bytes) -> list[Finding]:
        """Write the files, one of them with this content, import and check them; only `GnnrecoError` may come out."""
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content if name == self.damaged else text.encode())
        if self.format == "detector.yaml":
            return check(folder)
        options = {
            key: str(folder / value[1:]) if value.startswith("@") else value
            for key, value in self.options.items()
        }
        return check(
            import_detector(self.format, folder / next(iter(self.files)), folder / "out", None, options)
        )


GDML = """<?xml version="1.0" encoding="UTF-8"?>
<gdml><define><constant name="n" value="3"/><variable name="i" value="0"/><quantity name="L" value="5" unit="cm"/>
<matrix name="m" coldim="2" values="1 2 3 4"/><position name="p" x="m[1,2]" y="sin(30*deg)*L" z="n^2" unit="mm"/>
<rotation name="r" z="pi/2"/></define>
<solids><box name="W" x="9" y="9" z="9" lunit="m"/><box name="B" x="050" y="L" z="0.3e0"/>
<tube name="T" rmin="30" rmax="50" z="1" deltaphi="60" aunit="deg"/>
<xtru name="X"><twoDimVertex x="0" y="0"/><twoDimVertex x="0" y="9"/><twoDimVertex x="9" y="0"/>
<section zOrder="0" zPosition="2"/><section zOrder="1" zPosition="3"/></xtru></solids>
<structure><volume name="V"><solidref ref="B"/><auxiliary auxtype="SensDet" auxvalue="t"/></volume>
<volume name="R"><solidref ref="T"/><auxiliary auxtype="SensDet" auxvalue="rings"/></volume>
<volume name="S"><solidref ref="X"/><auxiliary auxtype="SensDet" auxvalue="t"/></volume>
<assembly name="A"><physvol copynumber="4"><volumeref ref="V"/><positionref ref="p"/><rotationref ref="r"/></physvol>
<physvol><volumeref ref="S"/><position x="90"/></physvol></assembly>
<volume name="World"><solidref ref="W"/>
<physvol><volumeref ref="A"/><position z="10"/><scale x="1" y="1" z="-1"/></physvol>
<loop for="i" from="1" to="3" step="1"><physvol copynumber="i"><volumeref ref="R"/><position z="100*i"/></physvol></loop>
</volume></structure><setup name="Default" version="1.0"><world ref="World"/></setup></gdml>"""

BINS = """<Bins><Bin pid="22" name="photon"><Layer id="0" r_edges="0,5,10" n_bin_alpha="1"/>
<Layer id="1" r_edges="0,2,4,8" n_bin_alpha="8"/><Layer id="2" r_edges="0" n_bin_alpha="1"/>
<Layer id="3" r_edges="1,2" n_bin_alpha="2"/></Bin><Bin pid="11" name="electron"/></Bins>"""

SQUARES = "x,y,z,layer,size,subsystem,thickness\n" + "".join(
    f"{5 * u},{5 * v},{1000 + 10 * layer},{layer},5,cal,0.5\n"
    for layer in range(2)
    for u in range(3)
    for v in range(2 + u % 2)
)
DRAWN = "x,y,z,layer,polygon,nx,ny,nz,sensor,channel_u,channel_v\n" + "".join(
    f"{5 * u},0,1000,0,{5 * u - 2} -2 1000; {5 * u + 2} -2 1000; {5 * u + 2} 2 1000; {5 * u - 2} 2 1000,0,0,1,s0,{u},7\n"
    for u in range(4)
)
DIGITIZATION = json.dumps(
    {
        "acts-geometry-hierarchy-map": {"format-version": 0, "value-identifier": "digitization-configuration"},
        "entries": [
            {"volume": 7, "value": {"geometric": {"thickness": 0.15, "segmentation": {"binningdata": [
                {"bins": 336, "max": 8.4, "min": -8.4, "option": "open", "type": "equidistant", "value": "binX"},
                {"bins": 1440, "max": 36, "min": -36, "option": "open", "type": "equidistant", "value": "binY"}]}}}},
            {"volume": 12, "layer": 2, "value": {"smearing": [{"index": 0, "stddev": 0.01, "type": "Gauss"}]}},
        ],
    }
)  # fmt: skip
YAML = """format: gnnreco-detector/1
name: mixed
units: {length: mm, angle: deg, field: T}
field: {kind: solenoid, bz: 2.0}
templates:
  grid: {kind: grid, pitch: [0.5, 1], cells: [40, 20], thickness: 0.3, outline: [[-9, -9], [9, -9], [9, 9], [-9, 9]]}
  hex: {kind: hex, flat_to_flat: 5, thickness: 0.3, hexagon: 119, keep_below: 29.75, origin: [0.5, 0]}
  edges: {kind: edges, u: [-10, -5, 0, 10], v: [-10, 10], thickness: 1, focus: [0, 0, -900]}
  rings: {kind: polar, r: [30, 40, 60], phi: [0, 360, 12], thickness: 2}
  whole: {kind: polar, r: [0, 5], phi: [0, 360, 1], thickness: 2}
  drawn: {kind: polygons, table: cells.csv, thickness: 1}
  few: {kind: polygons, thickness: 1, cells: [[[0, 0], [2, 0], [2, 2], [0, 2]], [[2, 0], [4, 0], [2, 2]]]}
subsystems:
  inner: {measures: [position], material: {radiation_lengths: 0.01, interaction_lengths: 0.003}, resolution: [0.1, 0.2]}
  outer: {measures: [energy, time], material: {moliere_radius: 9, sampling_fraction: 0.01}}
passive:
  - {name: pipe, radius: 25, half_length: 500, radiation_lengths: 0.002, interaction_lengths: 0.001}
sensors:
  - {rule: planes, subsystem: inner, template: grid, z: [10, 20], x: 3, turn: [[0, 0, 90], [5, 0, 0]]}
  - {rule: barrel, subsystem: inner, template: edges, layers: [{radius: 70, count: 16, z: [-40, 40], tilt: 5, stagger: 1}]}
  - {rule: disks, subsystem: outer, z: [-300, 300], rings: [{template: few, radius: 80, count: 12, dz: 1, stagger: 2}]}
  - {rule: wafers, subsystem: outer, templates: [hex], spacing: 119.6, z: [700], r_min: 60, r_max: [300]}
  - {rule: planes, subsystem: outer, template: rings, z: [400]}
  - {table: sensors.csv, identify: [[module]]}
"""
SENSORS = (
    "sensor_id,template,subsystem,layer,x,y,z,xu,xv,xw,yu,yv,yw,zu,zv,zw,module,radiation_lengths\n"
    "5,drawn,outer,0,0,0,500,1,0,0,0,1,0,0,0,1,11,0.02\n6,whole,inner,1,0,0,-90,0,-1,0,1,0,0,0,0,1,12,0.01\n"
)
CORNERS = "cell,u,v,channel_u,channel_v\n" + "".join(
    f"{cell},{u + 2 * cell},{v},{cell},3\n" for cell in range(3) for u, v in ((0, 0), (2, 0), (2, 2), (0, 2))
)
OWN = {"detector.yaml": YAML, "sensors.csv": SENSORS, "cells.csv": CORNERS}
SURFACES = json.dumps({"entries": [{"value": surface(1)}, {"value": surface(2, geo_id=0)}]})
PIXELS = "\n".join(
    [PLACEMENTS, *(f"Pixels,{3 | i << 4},0,0,{100 * i},{UNIT},20,40,0.3" for i in range(3))]
    + [f"Pads,{4 | 1 << 8 | i << 10},0,0,{500 + 5 * i},{UNIT},60,60,0.5" for i in range(2)]
)
WAFERS = "\n".join(lines()) + "\n"
TILES = "layer,r,phi_from,phi_to,n_phi\n2,1500 1530 1561,0,10,8\n2,1500 1530 1561,10,20,8\n"
DEPTHS = "layer,z,radiation_lengths\n1,500,1\n2,600,1.5\n"
CHANNELS = "Typecode ROC iu iv\nML-5 0 3 7\nML-5 0 4 7\nML-5 0 -1 -1\nML-5 1 4 8\n"
DD4HEP = {"compact.xml": COMPACT, "parts/readouts.xml": READOUTS, "placements.csv": PIXELS}
PARTS = {"map.txt": WAFERS, "tiles.csv": TILES, "depths.csv": DEPTHS, "channels.txt": CHANNELS}
PARTS_AT = {"tiles": "@tiles.csv", "z": "@depths.csv", "cells": "@channels.txt"}

SEEDS = {
    "trackml": Seed("trackml", "d.csv", {"d.csv": "\n".join([TRACKML, *ROWS])}),
    "acts-csv": Seed(
        "acts-csv",
        "d.csv",
        {"d.csv": "\n".join([ACTS, APPROACH, RECTANGLE, TRAPEZOID])},
        {"pitch": "0.05,0.1"},
    ),
    "acts-json": Seed("acts-json", "s.json", {"s.json": SURFACES}, {"pitch": "0.1,0.5"}),
    "acts-digitization": Seed(
        "acts-csv",
        "dig.json",
        {"d.csv": "\n".join([ACTS, RECTANGLE, TRAPEZOID]), "dig.json": DIGITIZATION},
        {"digitization": "@dig.json"},
    ),
    "gdml": Seed("gdml", "d.gdml", {"d.gdml": GDML}, {"pitch": "1,2"}),
    "dd4hep": Seed("dd4hep", "compact.xml", DD4HEP, {"placements": "@placements.csv"}),
    "dd4hep-included": Seed("dd4hep", "parts/readouts.xml", DD4HEP, {"placements": "@placements.csv"}),
    "dd4hep-placements": Seed("dd4hep", "placements.csv", DD4HEP, {"placements": "@placements.csv"}),
    "wafer-map": Seed("wafer-map", "map.txt", {"map.txt": WAFERS}),
    "wafer-tiles": Seed("wafer-map", "tiles.csv", PARTS, PARTS_AT),
    "wafer-depths": Seed("wafer-map", "depths.csv", PARTS, PARTS_AT),
    "wafer-cells": Seed("wafer-map", "channels.txt", PARTS, PARTS_AT),
    "cells": Seed("cells", "c.csv", {"c.csv": SQUARES}),
    "cells-drawn": Seed("cells", "c.csv", {"c.csv": DRAWN}),
    "calochallenge": Seed("calochallenge", "b.xml", {"b.xml": BINS}),
    "detector.yaml": Seed("detector.yaml", "detector.yaml", OWN),
    "sensors.csv": Seed("detector.yaml", "sensors.csv", OWN),
    "cells.csv": Seed("detector.yaml", "cells.csv", OWN),
}
