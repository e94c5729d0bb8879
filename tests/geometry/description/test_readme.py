"""The example of the format is a sound detector."""

from __future__ import annotations

import re
from pathlib import Path

from gnnreco.geometry import check, load_detector

README = Path(__file__).parents[3] / "detector_geometries" / "README.md"


def test_the_example_of_the_readme_works(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    assert found
    text = "\n".join(line for line in found[1].splitlines() if "sensors.parquet" not in line)
    (tmp_path / "detector.yaml").write_text(text + "\n")
    assert check(tmp_path) == []
    detector = load_detector(tmp_path)
    assert detector.n_layers == 2 + 1 + 2 + 2 + 1 + 2 + 2
    assert len(detector.passive) == 1
    assert [part.name for part in detector.subsystems if part.drift] == ["chamber"]
    assert detector.sampling_fraction[detector.subsystem == 1].tolist() == [0.02] * 25
