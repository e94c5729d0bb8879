"""Our detectors for other programs, one file a program: each writes a folder of that program's own files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...errors import BadInput
from ..detector import Detector
from . import acts

#: Each writer is called as ``write(detector, folder)`` and returns the files it wrote.
EXPORTERS: dict[str, Callable[[Detector, Path], list[Path]]] = {"acts": acts.write}


def export_detector(format: str, detector: Detector, folder: str | Path) -> list[Path]:
    """Describe a detector to another program.

    Parameters
    ----------
    format : str
        One of `EXPORTERS`.
    detector : Detector
    folder : path
        Where to write; created, and must be empty.

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
    if target.exists() and any(target.iterdir()):
        raise BadInput(target, "", "is not empty; name another folder or empty it")
    target.mkdir(parents=True, exist_ok=True)
    return EXPORTERS[format](detector, target)


__all__ = ["EXPORTERS", "export_detector"]
