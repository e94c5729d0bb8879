"""`gnnreco detector check`: every fault of a detector at once."""

from __future__ import annotations

from pathlib import Path

from ..errors import BadGeometry
from .description import USUAL
from .detector import Detector
from .findings import Finding, doubtful, unusable
from .load import FILE, find_detector, read_detector
from .yaml_tree import Fault


def check(detector: Detector | str | Path) -> list[Finding]:
    """Look for every fault `Finding` knows.

    Parameters
    ----------
    detector : Detector, str or Path
        A detector at hand, its name, or its folder.

    Returns
    -------
    list of Finding
        Empty for a sound detector; errors first.
    """
    found: list[Finding] = []
    read = detector if isinstance(detector, Detector) else _read(detector, found)
    if read is not None:
        found += [*unusable(read), *doubtful(read)]
    return sorted(found, key=lambda finding: finding.severity != "error")


def _read(place: str | Path, found: list[Finding]) -> Detector | None:
    """The detector, judged by its form alone; faults of the form go to `found`."""
    strict = True
    while True:
        assumed: set[str] = set()
        try:
            read = read_detector(folder := find_detector(place), known_units_only=strict, assumed=assumed)
        except BadGeometry as fault:
            code = fault.code if isinstance(fault, Fault) else "unreadable"
            message, _, remedy = fault.why.partition("; ")
            found.append(
                Finding("error", code, f"{fault.file}: {fault.where}", message, remedy or "correct the file")
            )
            if code != "unknown-unit" or not strict:
                return None
            # The rest can still be judged as if the unit were the usual one.
            strict = False
            continue
        for dimension in sorted(assumed):
            where, usual = f"{folder / FILE}: units", USUAL[dimension]
            message = f"no unit of {dimension} is told: taken as {usual}"
            remedy = f"add {dimension}: {usual} to the units, or the unit you used"
            found.append(Finding("warning", "missing-unit", where, message, remedy))
        return read
