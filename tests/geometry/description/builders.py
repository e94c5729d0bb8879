"""Small detectors written as YAML on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from gnnreco.geometry import Detector, load_detector

GRID = {"kind": "grid", "pitch": [0.1, 0.1], "cells": [200, 400], "thickness": 0.3}


def describe(
    *sensors: dict[str, Any],
    templates: dict[str, Any] | None = None,
    subsystem: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A description of some sensors, all of one subsystem."""
    return {
        "format": "gnnreco-detector/1",
        "name": "made",
        "units": {"length": "mm", "angle": "deg", "field": "T"},
        "templates": templates or {"chip": GRID},
        "subsystems": {"all": subsystem or {}},
        "sensors": [{"subsystem": "all", **entry} for entry in sensors],
        **more,
    }


def write(folder: Path, description: dict[str, Any]) -> Path:
    """The folder, with the description as its ``detector.yaml``."""
    folder.mkdir(exist_ok=True)
    (folder / "detector.yaml").write_text(yaml.safe_dump(description))
    return folder


def build(folder: Path, *sensors: dict[str, Any], **more: Any) -> Detector:
    """The detector of some sensors; see `describe`."""
    return load_detector(write(folder, describe(*sensors, **more)))
