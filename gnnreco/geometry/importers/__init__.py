"""Foreign detector descriptions, one file a format: each writes a folder with ``detector.yaml`` and tables."""

from __future__ import annotations

import inspect
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gnnreco.errors import BadGeometry, BadInput
from gnnreco.files.atomic import refuse
from gnnreco.geometry.description.load import load_detector
from gnnreco.geometry.importers.acts import csv as acts_csv
from gnnreco.geometry.importers.acts import json as acts_json
from gnnreco.geometry.importers.drawings import dd4hep, gdml
from gnnreco.geometry.importers.wafers import map as wafer_map

from . import calochallenge, cells, trackml
from .written import Importer

IMPORTERS: dict[str, Importer] = {
    "trackml": trackml.read,
    "acts-csv": acts_csv.read,
    "acts-json": acts_json.read,
    "gdml": gdml.read,
    "dd4hep": dd4hep.read,
    "wafer-map": wafer_map.read,
    "cells": cells.read,
    "calochallenge": calochallenge.read,
}


def import_detector(
    format: str,
    file: str | Path,
    folder: str | Path,
    name: str | None = None,
    options: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Translate a foreign description into a detector folder.

    Parameters
    ----------
    format : str
        One of `IMPORTERS`.
    file : path
        The foreign description.
    folder : path
        Where to write; created where it is missing.
    name : str, optional
        Name of the detector; that of the folder unless told.
    options : mapping, optional
        What the file leaves open, as words: see the reader of the format.
    overwrite : bool
        Replace a detector in `folder`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    BadInput
        With file, line or column, and remedy.
    """
    if format not in IMPORTERS:
        raise BadInput(file, "", f"no importer for {format!r}; there are: {', '.join(IMPORTERS)}")
    reader, target = IMPORTERS[format], Path(folder)
    known = list(inspect.signature(reader).parameters)[3:]
    for option in options or {}:
        if option not in known:
            there = f"there are: {', '.join(known)}" if known else "there are none"
            raise BadInput(file, f"option {option}", f"not an option of {format}; {there}")
    refuse(target / "detector.yaml", overwrite)
    named = name or target.resolve().name
    made = Path(tempfile.mkdtemp(prefix=".import-", dir=_nearest(target)))
    try:
        # A name is written as UTF-8, whatever bytes that of a folder has.
        reader(Path(file), made, named.encode("utf-8", "replace").decode(), **options or {})
        try:
            load_detector(made)
        except BadGeometry as error:
            raise BadInput(file, error.where, f"makes no detector: {error.why}") from None
        target.mkdir(parents=True, exist_ok=True)
        for part in made.iterdir():
            part.replace(target / part.name)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def _nearest(folder: Path) -> Path:
    """The first folder above one that exists."""
    return next(parent for parent in folder.resolve().parents if parent.is_dir())


__all__ = ["IMPORTERS", "import_detector"]
