"""Foreign detector descriptions, one file a format: each writes a folder with ``detector.yaml`` and tables."""

from __future__ import annotations

from pathlib import Path

from ...errors import BadInput
from .trackml import import_trackml

IMPORTERS = {"trackml": import_trackml}


def import_detector(format: str, file: str | Path, folder: str | Path) -> Path:
    """Translate a foreign description into a detector folder.

    Parameters
    ----------
    format : str
        One of `IMPORTERS`.
    file : path
        The foreign description.
    folder : path
        Where to write; created, its ``detector.yaml`` must not exist yet.

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
    target = Path(folder)
    if (target / "detector.yaml").exists():
        raise BadInput(target / "detector.yaml", "", "exists already; name another folder or remove it")
    return IMPORTERS[format](Path(file), target)


__all__ = ["IMPORTERS", "import_detector", "import_trackml"]
