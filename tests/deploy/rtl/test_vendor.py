"""Reports of the vendor's tool are read, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnreco.deploy.rtl.vendor import TIMING, UTILISATION, constraints, read_report, vivado
from gnnreco.errors import BadInput

CELLS = """| Tool Version : Vivado v.2024.1 (lin64) Build 5076996
+----------------------------+------+-------+------------+-----------+-------+
|          Site Type         | Used | Fixed | Prohibited | Available | Util% |
+----------------------------+------+-------+------------+-----------+-------+
| CLB LUTs                   | 1723 |     0 |          0 |   1182240 |  0.15 |
|   LUT as Logic             | 1720 |     0 |          0 |   1182240 |  0.15 |
| CLB Registers              |  440 |     0 |          0 |   2364480 |  0.02 |
| Block RAM Tile             |  0.5 |     0 |          0 |      2160 |  0.02 |
| DSPs                       |    0 |     0 |          0 |      6840 |  0.00 |
"""
SLACK = """| Design Timing Summary
| ---------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)
    -------      -------  ---------------------  -------------------      -------
     -0.214       -1.320                     12                 1904        0.031
"""


def test_reports_are_read(tmp_path: Path):
    (tmp_path / UTILISATION).write_text(CELLS)
    (tmp_path / TIMING).write_text(SLACK)
    assert read_report(tmp_path, 5.0) == {
        "lut": 1723,
        "ff": 440,
        "dsp": 0,
        "bram": 0.5,
        "slack_ns": -0.214,
        "meets_timing": False,
        "fastest_clock_ns": 5.214,
        "by": "Vivado v.2024.1",
    }


@pytest.mark.parametrize(
    ("cells", "slack", "why"),
    [
        (None, SLACK, "run vivado.tcl"),
        ("nothing", SLACK, "no row of LUT"),
        (CELLS, "all is well", "no worst slack"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, cells, slack, why):
    if cells:
        (tmp_path / UTILISATION).write_text(cells)
    (tmp_path / TIMING).write_text(slack)
    with pytest.raises(BadInput, match=why):
        read_report(tmp_path, 5.0)


def test_the_script_names_its_files():
    script = vivado("tag", "xcvu9p-flga2104-2L-e", ["tag.v", "tag_core.v"])
    assert "read_verilog {../src/tag.v ../src/tag_core.v}" in script
    assert "-top tag " in script
    assert f"report_utilization -file {UTILISATION}" in script
    assert "-period 6.25 " in constraints(6.25)
