"""A page of text, tables and pictures without scripts, which follows the reader's theme."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from gnnreco.files.atomic import write_file

from .drawing.svg import style


def write_flat_page(path: str | Path, title: str, body: Sequence[str]) -> Path:
    """Write one HTML file; `title` is text, `body` is markup that is known to be safe."""
    page = (files("gnnreco.display") / "page" / "flat.html").read_text("utf-8")
    before, named, between, after = re.split("%%TITLE%%|%%STYLE%%|%%BODY%%", page)
    path = Path(path)
    write_file(
        path, "".join([before, html.escape(title), named, style(":root"), between, "\n".join(body), after])
    )
    return path
