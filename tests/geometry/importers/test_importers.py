"""Foreign descriptions become detectors, or say why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.geometry import check, import_detector, load_detector

HEADER = (
    "volume_id,layer_id,module_id,cx,cy,cz,rot_xu,rot_xv,rot_xw,rot_yu,rot_yv,rot_yw,rot_zu,rot_zv,rot_zw,"
    "module_t,module_minhu,module_maxhu,module_hv,pitch_u,pitch_v"
)
# Two modules of the published table: a pixel and a trapezoid.
ROWS = [
    "7,2,1,-65.7965,-5.1783,-1502.5,0.0784591,-0.996917,0.0,-0.996917,-0.0784591,0.0,0,0,-1,0.15,8.4,8.4,36,0.05,0.05625",
    "12,2,1,-310,0,-2952.5,0,-1,0,-1,0,0,0,0,-1,0.25,16.4,24.2,78,0.08,1.2",
]


def write(folder: Path, *lines: str) -> Path:
    file = folder / "detectors.csv"
    file.write_text("\n".join([HEADER, *lines]) + "\n")
    return file


def test_a_trackml_table_becomes_a_detector(tmp_path: Path) -> None:
    folder = import_detector("trackml", write(tmp_path, *ROWS), tmp_path / "mine")
    detector = load_detector(folder)
    assert check(detector) == []
    assert (detector.name, detector.n_sensors, detector.n_layers) == ("mine", 2, 2)
    assert detector.half_u.tolist() == [8.4, 24.2]
    assert detector.labels["volume_id"].tolist() == [7, 12]
    assert np.allclose(detector.center[0], [-65.7965, -5.1783, -1502.5])
    assert np.allclose(detector.rotation @ detector.rotation.transpose(0, 2, 1), np.eye(3), atol=1e-14)
    # The trapezoid is narrow at negative v.
    assert detector.cell_at([1, 1], [20.0, 20.0], [-70.0, 70.0]).tolist()[0] == -1
    assert detector.cell_at([1], [20.0], [70.0])[0] >= 0


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([ROWS[0].replace("8.4", "", 1)], "line 2, column module_minhu"),
        ([ROWS[0].replace("-65.7965", "left")], "column cx.*expected numbers"),
        ([], "no rows"),
        ([*ROWS, ROWS[0]], "line 4: module 7/2/1 stands in line 2 already"),
        (
            [ROWS[0], ROWS[1].replace("0.08,", "0,")],
            "line 3, column pitch_u: expected a length above 0, found 0",
        ),
        ([ROWS[0].replace("0.05625", "-1")], "line 2, column pitch_v: expected a length above 0, found -1"),
        (
            [ROWS[0].replace("0.05,", "1e-320,")],
            "line 2, column pitch_u: too small for the size of the module",
        ),
    ],
)
def test_a_bad_table_says_where(tmp_path: Path, lines: list[str], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        import_detector("trackml", write(tmp_path, *lines), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_nothing_is_overwritten_and_formats_are_known(tmp_path: Path) -> None:
    file = write(tmp_path, *ROWS)
    import_detector("trackml", file, tmp_path / "mine")
    with pytest.raises(BadInput, match=r"is there already.*overwrite=True"):
        import_detector("trackml", file, tmp_path / "mine")
    with pytest.raises(BadInput, match="there are: trackml"):
        import_detector("step", file, tmp_path / "other")
    with pytest.raises(BadInput, match="no such file"):
        import_detector("trackml", tmp_path / "none.csv", tmp_path / "other")
