"""One HTML file from an event or a detector."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gnnreco import __version__
from gnnreco.columns import Anomalies, Clusters, Event, Ints, ReconstructedParticles, Tracks
from gnnreco.display.drawing.sheets import detector_sheets
from gnnreco.display.drawing.svg import themes
from gnnreco.display.event.cluster_sheet import cluster_sheet
from gnnreco.display.event.scene import add_event
from gnnreco.errors import BadInput
from gnnreco.events.select import Seen, in_source_frame
from gnnreco.files.atomic import write_file
from gnnreco.files.json_types import Json, JsonDict
from gnnreco.geometry import Detector

from .occupancy import add_occupancy
from .pack import Pack
from .sensors import add_sensors

SCRIPTS = (
    "data.js",
    "camera.js",
    "shaders.js",
    "style.js",
    "strange.js",
    "scene.js",
    "cells.js",
    "frame.js",
    "particles.js",
    "panel.js",
    "main.js",
)


Sheets = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Scene:
    """An event, or a detector, that is drawn: a page has one or several.

    Attributes
    ----------
    title : str
    about : dict
        What the scripts of the page are told.
    pack : Pack
    sheets : sequence of (str, str)
        Title and markup of the flat pages that belong to it.
    """

    title: str
    about: JsonDict
    pack: Pack
    sheets: Sheets = ()


def show_event(
    event: Event,
    detector: Detector,
    tracks: Tracks | None,
    path: str | Path,
    clusters: Clusters | None = None,
    sheets: Sheets = (),
    command: str = "",
    particles: ReconstructedParticles | None = None,
    title: str = "",
    anomalies: Anomalies | None = None,
) -> Path:
    """Draw one event, in the frame of the detector's source, as one HTML page that works without a network.

    Parameters
    ----------
    event : Event
        Hits, and truth where there is one: particles with at least three hits are drawn.
    detector : Detector
        Its sensors, layers and field.
    tracks : Tracks, optional
        Found tracks, drawn by their perigee parameters and through their hits. They are coloured and counted as row
        "acts, all tracks" of `gnnreco evaluate` counts them, with its default target.
    path : path
        The page to write; an existing one is replaced.
    clusters : Clusters, optional
        Found clusters: calorimeter hits can then be coloured by them.
    sheets : sequence of (str, str)
        Title and markup of flat pages behind the event; a table row with ``data-cluster`` selects that cluster, one
        with ``data-near`` (rows of particles with a hit, separated by commas) leads to what these left. Without
        any, clusters are listed, with their energies beside the true ones.
    command : str
        Kept in the page, with the version.
    particles : ReconstructedParticles, optional
        Found particles, of these tracks and clusters: drawn as arrows, with jets (where FastJet is installed) and missing
        momentum. A click on one lights up what it is made of.
    title : str
        Of the page; by default the number of the event and the detector.
    anomalies : Anomalies, optional
        How strange the event is: its score is told, and the hits that give most of it are lit up.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BadInput
        Where a track, a cluster, a particle or a score points at a hit that the event does not have.
    """
    scene = event_scene(event, detector, tracks, clusters, sheets, command, particles, title, anomalies)
    return write_scenes(path, [scene])


def event_scene(
    event: Event,
    detector: Detector,
    tracks: Tracks | None = None,
    clusters: Clusters | None = None,
    sheets: Sheets = (),
    command: str = "",
    particles: ReconstructedParticles | None = None,
    title: str = "",
    anomalies: Anomalies | None = None,
) -> Scene:
    """What `show_event` draws, for a page of several events."""
    of_event = ((tracks, "track"), (clusters, "cluster"), (particles, "particle"), (anomalies, "score"))
    for found, what in of_event:
        if found is not None:
            _belongs(event, found.hit_index, what)
    mine = Seen(in_source_frame(event, detector.source), None, detector.source)
    event, detector = mine.event, detector.at_source()
    clusters = None if clusters is None else mine.narrow(clusters, len(event.hits))
    pack = Pack()
    about = {
        "detector": add_sensors(pack, detector),
        "event": add_event(pack, event, detector, tracks, clusters, particles, anomalies),
        "made_by": {"gnnreco": __version__, "command": command},
        "heading": title,
    }
    made = sheets or cluster_sheet(event, detector, clusters)
    return Scene(title or f"Event {event.number} in {detector.name}", about, pack, made)


def _belongs(event: Event, hit_index: Ints, what: str) -> None:
    """Refuse output that was made from another file."""
    low, high = int(hit_index.min(initial=0)), int(hit_index.max(initial=-1))
    if low < 0 or high >= len(event.hits):
        raise BadInput(
            event.source,
            f"event {event.number}",
            f"a {what} points at hit {high if low >= 0 else low}, the event has {len(event.hits)} hits; "
            "give the output that was made from this file",
        )


def show_detector(
    detector: Detector, path: str | Path, events: Iterable[Event] | None = None, sheets: bool = True
) -> Path:
    """Draw a detector, in the frame of its source, as one HTML page: sensors, cells, drawings, material, coverage, faults.

    Parameters
    ----------
    detector : Detector
    path : path
        The page to write; an existing one is replaced.
    events : iterable of Event, optional
        How often each sensor and cell fires in them is shown.
    sheets : bool
        Also the drawings, the plots of coverage and material, and what `check` finds.

    Returns
    -------
    Path
        `path`. Cells are multiplied out in the browser: a page of a million cells stays below 10 MB.
    """
    pack = Pack()
    there = detector.at_source()
    about = {"detector": add_sensors(pack, there), "event": None}
    if events is not None:
        seen = (in_source_frame(event, detector.source) for event in events)
        about["occupancy"] = add_occupancy(pack, there, seen)
    made = detector_sheets(detector) if sheets else []
    return write_scenes(path, [Scene(f"Detector {detector.name}", about, pack, made)])


def write_scenes(path: str | Path, scenes: Sequence[Scene]) -> Path:
    """Write a page; the first scene opens, a table row with ``data-scene`` opens the one of that number.

    Parameters
    ----------
    path : path
        The page to write; an existing one is replaced.
    scenes : sequence of Scene
    """
    page = files("gnnreco.display") / "page"
    code = "\n".join((page / name).read_text("utf-8") for name in SCRIPTS)
    script = f'"use strict";\n(async () => {{\n{code}\n}})();\n'
    # The browser runs this script and no other, whatever names and texts came out of the files.
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    first = scenes[0]
    parts = {
        "TITLE": html.escape(first.title),
        "CHECKSUM": checksum,
        "STYLE": (page / "page.css").read_text("utf-8"),
        "ABOUT": _about(first),
        "BLOCK": first.pack.text(),
        "OTHERS": "".join(_data(scene, row) for row, scene in enumerate(scenes) if row),
        "SCRIPT": script,
        "COLOURS": themes(),
        "SHEETS": "".join(
            f'<section class="sheet" data-title="{html.escape(name)}" data-of="{row}" hidden>{markup}</section>\n'
            for row, scene in enumerate(scenes)
            for name, markup in scene.sheets
        ),
    }
    text = (page / "page.html").read_text("utf-8")
    pieces = text.split("%%")  # even pieces are the template's own, odd ones name a part
    filled = "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))
    path = Path(path)
    write_file(path, filled)
    return path


def _about(scene: Scene) -> str:
    return _inert({"title": scene.title, "index": scene.pack.index, **scene.about})


def _data(scene: Scene, row: int) -> str:
    """A scene that waits to be opened."""
    return (
        f'<script type="application/json" id="about-{row}">{_about(scene)}</script>\n'
        f'<script type="text/plain" id="block-{row}">{scene.pack.text()}</script>\n'
    )


def _inert(value: Json) -> str:
    """JSON that cannot end or open an HTML element, whatever its strings hold."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
