"""One HTML file from an event or a detector."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from gnnreco.columns import Event, Tracks
from gnnreco.display.pack import Pack
from gnnreco.display.scene import add_event, add_sensors
from gnnreco.errors import BadInput
from gnnreco.geometry import Detector

SCRIPTS = ("data.js", "camera.js", "shaders.js", "scene.js", "frame.js", "panel.js", "main.js")


def show_event(event: Event, detector: Detector, tracks: Tracks | None, path: str | Path) -> Path:
    """Draw one event as one HTML page that works from ``file://``, without a network.

    Parameters
    ----------
    event : Event
        Hits, and truth where there is one: particles with at least three hits are drawn.
    detector : Detector
        Its sensors, layers and field.
    tracks : Tracks, optional
        Found tracks, drawn by their perigee parameters and through their hits, and coloured by a simple
        majority match to the truth (more than half of the hits).
    path : path
        The page to write; an existing one is replaced.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BadInput
        Where a track points at a hit that the event does not have.
    """
    if tracks is not None and len(tracks.hit_index):
        low, high = int(tracks.hit_index.min()), int(tracks.hit_index.max())
        if low < 0 or high >= len(event.hits):
            raise BadInput(
                event.source,
                f"event {event.number}",
                f"a track points at hit {high if low >= 0 else low}, the event has {len(event.hits)} hits; "
                "give the output that was made from this file",
            )
    pack = Pack()
    about = {"detector": add_sensors(pack, detector), "event": add_event(pack, event, detector, tracks)}
    return _write(path, f"Event {event.number} in {detector.name}", about, pack)


def show_detector(detector: Detector, path: str | Path) -> Path:
    """Draw the sensors of a detector, and its cells where they are few, as one HTML page; returns `path`."""
    pack = Pack()
    return _write(
        path, f"Detector {detector.name}", {"detector": add_sensors(pack, detector), "event": None}, pack
    )


def _write(path: str | Path, title: str, about: dict[str, Any], pack: Pack) -> Path:
    page = files("gnnreco.display") / "page"
    code = "\n".join((page / name).read_text("utf-8") for name in SCRIPTS)
    script = f'"use strict";\n(async () => {{\n{code}\n}})();\n'
    # The browser runs this script and no other, whatever names and texts came out of the files.
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    parts = {
        "TITLE": html.escape(title),
        "CHECKSUM": checksum,
        "STYLE": (page / "page.css").read_text("utf-8"),
        "ABOUT": _inert({"title": title, "index": pack.index, **about}),
        "BLOCK": pack.text(),
        "SCRIPT": script,
    }
    text = (page / "page.html").read_text("utf-8")
    pieces = text.split("%%")  # even pieces are the template's own, odd ones name a part
    filled = "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_text(filled, "utf-8", newline="\n")
    draft.replace(path)
    return path


def _inert(value: Any) -> str:
    """JSON that cannot end or open an HTML element, whatever its strings hold."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
