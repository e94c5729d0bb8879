"""`gnnreco detector check`: every fault of a detector at once."""

from __future__ import annotations

from pathlib import Path

from gnnreco.errors import BadGeometry
from gnnreco.geometry.description.load import FILE, find_detector, read_detector
from gnnreco.geometry.description.reading import USUAL
from gnnreco.geometry.description.yaml_tree import Fault
from gnnreco.geometry.detector import Detector

from .acceptance import acceptance
from .field_findings import field_findings
from .findings import Finding, doubtful, unusable

SEVERITIES = ("error", "warning", "note")
# With these, no line knows where a sensor is.
UNPLACED = ("not-a-number", "not-a-rotation")


def check(detector: Detector | str | Path, physics: bool = False) -> list[Finding]:
    """Look for every fault `Finding` knows.

    Parameters
    ----------
    detector : Detector, str or Path
        A detector at hand, its name, or its folder.
    physics : bool
        Also what straight lines through it say: holes, layers and depth against direction, overlaps.

    Returns
    -------
    list of Finding
        Errors first, then warnings, then notes; without `physics`, empty for a sound detector.
    """
    found: list[Finding] = []
    read = detector if isinstance(detector, Detector) else _read(detector, found)
    if read is not None:
        faults = [*unusable(read), *doubtful(read)]
        faults += [fault for fault in field_findings(read) if physics or fault.severity != "note"]
        found += faults
        if physics and not any(fault.code in UNPLACED for fault in faults):
            found += acceptance(read)
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


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
            where = f"{fault.file}: {fault.where}" if fault.where else fault.file
            found.append(Finding("error", code, where, message, remedy or "correct the file"))
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
