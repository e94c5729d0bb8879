"""Files that fooled an importer once, each with its story in ``tests/corpus/<name>/README.md``."""

from __future__ import annotations

from pathlib import Path

from gnnreco.geometry import Detector, import_detector, load_detector

CORPUS = Path(__file__).parents[2] / "corpus"


def imported(folder: Path, case: str, format: str, **options: str) -> Detector:
    return load_detector(import_detector(format, CORPUS / case, folder / "mine", None, options))


def test_a_wall_of_strips_is_one_layer(tmp_path: Path) -> None:
    detector = imported(tmp_path, "gdml-wall-layers/wall.gdml", "gdml")
    assert (detector.n_sensors, detector.n_layers) == (10, 1)
