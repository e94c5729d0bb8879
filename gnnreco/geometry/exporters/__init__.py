"""Our detectors for other programs, one file a program: each writes a folder of that program's own files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gnnreco.errors import BadInput
from gnnreco.files.atomic import REPLACE
from gnnreco.geometry.detector import Detector

from . import acts

#: Each writer is called as ``write(detector, folder)`` and returns the files it wrote.
EXPORTERS: dict[str, Callable[[Detector, Path], list[Path]]] = {"acts": acts.write}


def export_detector(
    format: str, detector: Detector, folder: str | Path, overwrite: bool = False
) -> list[Path]:
    """Describe a detector to another program.

    Parameters
    ----------
    format : str
        One of `EXPORTERS`.
    detector : Detector
    folder : path
        Where to write; created where it is missing.
    overwrite : bool
        Write into a folder that holds files, and replace those of the same names.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    BadInput
        An unknown format, a folder with files in it, or a detector the program cannot hold.
    """
    if format not in EXPORTERS:
        raise BadInput(folder, "", f"no exporter for {format!r}; there are: {', '.join(EXPORTERS)}")
    target = Path(folder)
    if target.exists() and any(target.iterdir()) and not overwrite:
        raise BadInput(target, "", f"is not empty; {REPLACE}")
    target.mkdir(parents=True, exist_ok=True)
    return EXPORTERS[format](detector, target)


__all__ = ["EXPORTERS", "export_detector"]
