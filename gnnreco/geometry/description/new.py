"""`gnnreco detector new`: a first description of a detector, made of a few numbers, to be edited by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gnnreco.errors import BadInput
from gnnreco.files.atomic import refuse
from gnnreco.schema import nearest

from .new_calorimeters import block, chamber, endcap
from .new_trackers import barrel, disks, planes


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of detector that can be begun.

    Attributes
    ----------
    summary : str
    ask : dict
        The question and the usual answer of each number.
    text : callable
        From the numbers to templates, subsystems and sensors as YAML.
    events : str
        Options of ``gnnreco simulate`` that suit it.
    then : tuple of str
        What to type after that; ``{folder}`` stands for the detector.
    """

    summary: str
    ask: dict[str, tuple[str, float]]
    text: Callable[[Mapping[str, float]], str]
    events: str
    then: tuple[str, ...]


TRACKS = (
    "gnnreco train tracking detector={folder} -o {folder}_bundle",
    "gnnreco reconstruct {folder}_events --detector {folder} --bundle {folder}_bundle -o {folder}_tracks",
)
SHOWERS = ("gnnreco reconstruct {folder}_events --detector {folder} -o {folder}_clusters",)
FIELD = ("magnetic field along z, T", 2.0)

KINDS = {
    "planes": Kind(
        "a telescope: pixel planes across a beam",
        {
            "planes": ("planes", 6),
            "first": ("z of the first plane, mm", 100),
            "spacing": ("mm from one plane to the next", 100),
            "width": ("width of a plane, mm", 20),
            "pitch": ("width of a pixel, mm", 0.05),
            "field": ("magnetic field along z, T", 0.0),
        },
        planes,
        "--process beam --particle muon --energy 1 10",
        TRACKS,
    ),
    "barrel": Kind(
        "a tracker of pixel cylinders around the beam",
        {
            "layers": ("layers", 6),
            "radius": ("radius of the first layer, mm", 40),
            "spacing": ("mm from one layer to the next", 50),
            "length": ("length along z, mm", 600),
            "pitch": ("width of a pixel, mm", 0.05),
            "field": FIELD,
        },
        barrel,
        "--process gun --particle muon --energy 1 10 --count 20 --eta -0.5 0.5",
        TRACKS,
    ),
    "disks": Kind(
        "a tracker of disks on both sides, each a ring of wedges",
        {
            "disks": ("disks on each side", 7),
            "first": ("z of the first disk, mm", 300),
            "spacing": ("mm from one disk to the next", 80),
            "r_min": ("inner radius, mm", 40),
            "r_max": ("outer radius, mm", 160),
            "pitch": ("width of a strip, mm", 0.08),
            "field": FIELD,
        },
        disks,
        "--process gun --particle muon --energy 1 10 --count 20 --eta 2 2.8",
        TRACKS,
    ),
    "calorimeter": Kind(
        "a block of silicon and tungsten in a test beam",
        {
            "layers": ("layers", 30),
            "first": ("z of the first layer, mm", 100),
            "width": ("width of the block, mm", 300),
            "cell": ("width of a cell, mm", 5),
            "depth": ("radiation lengths of one layer", 0.8),
        },
        block,
        "--process beam --particle photon --energy 5 50",
        SHOWERS,
    ),
    "endcap-wafers": Kind(
        "a calorimeter endcap tiled with hexagonal silicon wafers",
        {
            "layers": ("layers", 28),
            "first": ("z of the first layer, mm", 3200),
            "r_min": ("inner radius, mm", 320),
            "r_max": ("outer radius, mm", 1400),
            "wafer": ("width of a wafer, mm", 166),
            "cell": ("width of a hexagonal cell, mm", 12),
            "depth": ("radiation lengths of one layer", 0.9),
            "field": ("magnetic field along z, T", 3.8),
        },
        endcap,
        "--process gun --particle photon --energy 10 100 --count 2 --eta 1.8 2.6",
        SHOWERS,
    ),
    "tpc": Kind(
        "a time projection chamber: drift towards pads on both ends",
        {
            "rows": ("rows of pads", 40),
            "r_min": ("inner radius, mm", 300),
            "r_max": ("outer radius, mm", 700),
            "drift": ("length of the drift on each side, mm", 500),
            "pad": ("width of a pad in the middle row, mm", 6),
            "field": ("magnetic field along z, T", 0.5),
        },
        chamber,
        "--process gun --particle pion --energy 0.3 3 --count 5 --eta -0.5 0.5",
        (),
    ),
}

COUNTS = ("planes", "layers", "disks", "rows")
HEAD = """\
# {summary}. Made by `gnnreco detector new`; every number here is yours to change.
# What each key means: detector_geometries/README.md of gnnreco. After a change: gnnreco detector check {folder}
format: gnnreco-detector/1
name: {name}
units: {{length: mm, angle: deg, field: T}}
field: {{kind: solenoid, bz: {field:g}}}

"""
README = """\
# {name}

{summary}, begun with `gnnreco detector new`:

| | |
|---|---|
{table}

## Source

Where the numbers come from: a drawing, a paper, a talk. (Made up so far.)

## Licence

Dimensions are facts; say here under what terms the tables of this folder may be passed on.
"""


def new_detector(folder: str | Path, kind: str, settings: Mapping[str, str], overwrite: bool = False) -> Path:
    """Write a valid detector of a few numbers.

    Parameters
    ----------
    folder : path
        Where to write ``detector.yaml`` and ``README.md``; created.
    kind : str
        One of `KINDS`.
    settings : mapping
        Numbers by name; the kind's own usual ones for the rest.
    overwrite : bool
        Replace a detector in `folder`.

    Raises
    ------
    BadInput
        Naming what is known, where a kind, a name or a number is none; a detector that nobody asked to replace.
    """
    folder = Path(folder)
    if kind not in KINDS:
        raise BadInput(folder, "", f"unknown kind {kind!r}{nearest(kind, KINDS)}")
    refuse(folder / "detector.yaml", overwrite)
    numbers = _numbers(folder, kind, settings)
    chosen = KINDS[kind]
    about = {"name": folder.resolve().name, "folder": folder, "field": numbers.get("field", 0.0)}
    summary = chosen.summary[0].upper() + chosen.summary[1:]
    body = chosen.text(numbers)
    rows = (f"| {chosen.ask[name][0]} | {value:g} |" for name, value in numbers.items())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "detector.yaml").write_text(HEAD.format(summary=summary, **about) + body, encoding="utf-8")
    text = README.format(summary=summary, table="\n".join(rows), name=about["name"])
    (folder / "README.md").write_text(text, encoding="utf-8")
    return folder


def next_commands(folder: Path, kind: str) -> list[str]:
    """What to type after `new_detector`, from the check to the reconstruction."""
    commands = (
        "gnnreco detector check {folder}",
        "gnnreco detector show {folder} -o {folder}.html",
        f"gnnreco simulate --detector {{folder}} {KINDS[kind].events} --events 200 -o {{folder}}_events",
        *KINDS[kind].then,
    )
    return [command.format(folder=folder) for command in commands]


def _numbers(folder: Path, kind: str, settings: Mapping[str, str]) -> dict[str, float]:
    ask = KINDS[kind].ask
    for name in settings:
        if name not in ask:
            raise BadInput(folder, name, f"{kind} has no such number; it has {', '.join(ask)}")
    numbers = {}
    for name, (question, usual) in ask.items():
        given = settings.get(name, usual)
        try:
            value = float(given)
        except ValueError:
            raise BadInput(folder, name, f"expected a number ({question}), found {given!r}") from None
        if not math.isfinite(value) or (value <= 0 and name != "field"):
            raise BadInput(folder, name, f"must be greater than 0 ({question}), found {given}")
        if name in COUNTS and (value != int(value) or value > 1000):
            raise BadInput(
                folder, name, f"expected a whole number of 1000 at most ({question}), found {given}"
            )
        numbers[name] = value
    if numbers.get("r_max", math.inf) <= numbers.get("r_min", 0.0):
        raise BadInput(folder, "r_max", "must be greater than r_min")
    return numbers
