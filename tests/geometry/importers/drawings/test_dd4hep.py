"""Compact XML gives constants, bit fields and segmentations; what C++ places must be dumped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.geometry import Detector, check, import_detector, load_detector
from gnnreco.geometry.importers.drawings.arithmetic import evaluate
from gnnreco.geometry.importers.drawings.dd4hep_compact import read_compact

COMPACT = """<lccdd>
<define>
  <constant name="side" value="2*mm"/>
  <constant name="field_value" value="(1+0.5)*tesla"/>
  <constant name="comment" value="not a number"/>
</define>
<include ref="parts/readouts.xml"/>
<detectors>
  <detector id="3" name="Tracker" type="MyTracker" readout="Pixels"/>
  <detector id="4" name="ECal" type="MyCalorimeter" readout="Pads"><type_flags type="DetType_CALORIMETER"/></detector>
</detectors>
<fields><field type="solenoid" name="coil" inner_field="field_value" outer_field="0"/></fields>
</lccdd>"""
READOUTS = """<lccdd><readouts>
<readout name="Pixels"><segmentation type="CartesianGridXY" grid_size_x="0.05*mm" grid_size_y="0.1*mm"/>
  <id>system:4,layer:4,module:8,sensor:2,x:32:-12,y:-12</id></readout>
<readout name="Pads"><segmentation type="HexGrid" side_length="side" stagger="1"/>
  <id>system:8,side:-2,layer:6,x:32:-16,y:-16</id></readout>
<readout name="Rings"><segmentation type="PolarGridRPhi" grid_size_r="1" grid_size_phi="1"/><id>system:8,r:8</id></readout>
</readouts></lccdd>"""
AXES = "xu,xv,xw,yu,yv,yw,zu,zv,zw"
HEADER = f"readout,volume_id,x,y,z,{AXES},width,height,thickness"
UNIT = "1,0,0,0,1,0,0,0,1"


@pytest.fixture
def compact(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "readouts.xml").write_text(READOUTS)
    file = tmp_path / "compact.xml"
    file.write_text(COMPACT)
    return file


def imported(file: Path, *lines: str, header: str = HEADER) -> Detector:
    table = file.parent / "placements.csv"
    table.write_text("\n".join([header, *lines]) + "\n")
    return load_detector(
        import_detector("dd4hep", file, file.parent / "mine", None, {"placements": str(table)})
    )


def test_expressions_are_computed_and_nothing_else() -> None:
    names = {"mm": 0.1, "r_min": 3.0}
    assert evaluate("2*(r_min + 3*mm)^2/cos(0)", names) == pytest.approx(2 * 3.3**2)
    assert evaluate("-5.*mm", names) == -0.5
    for text, why in (
        ("__import__('os')", "no arithmetic|not known"),
        ("(1).__class__", "no arithmetic"),
        ("open(1)", "function 'open' is not known"),
        ("x", "'x' is not defined"),
        ("1/0", "cannot be computed"),
        ("9**9**9**9", "cannot be computed"),
        ("'a'*9", "no arithmetic"),
        ("[1]*9", "no arithmetic"),
        ("1+" * 5000 + "1", "refused"),
        ("(" * 900 + "1" + ")" * 900, "not an arithmetic expression"),
        ("sqrt(0-1)", "."),
        ("", "not an arithmetic expression"),
    ):
        with pytest.raises(ValueError, match=why):
            evaluate(text, names)


def test_the_file_gives_constants_fields_and_readouts(compact: Path) -> None:
    found = read_compact(compact)
    assert found.constants["side"] == pytest.approx(0.2)
    assert found.bz == 1.5
    pads = found.readouts["Pads"]
    assert pads.fields == (
        ("system", 0, 8, False),
        ("side", 8, 2, True),
        ("layer", 10, 6, False),
        ("x", 32, 16, True),
        ("y", 48, 16, True),
    )
    code = np.array([4 | 3 << 8 | 17 << 10 | 0xFFFE << 32 | 5 << 48], np.uint64)
    values = {name: int(value[0]) for name, value in pads.decode(code).items()}
    assert values == {"system": 4, "side": -1, "layer": 17, "x": -2, "y": 5}


def test_placements_and_segmentations_make_a_detector(compact: Path) -> None:
    pixel = "Pixels,{},0,0,{},{},10.05,20,0.3"
    pad = "Pads,{},0,0,{},{},60,60,0.5"
    detector = imported(
        compact,
        *(pixel.format(3 | layer << 4 | 7 << 8, 100 + 10 * layer, UNIT) for layer in (0, 1)),
        *(pad.format(4 | 1 << 8 | layer << 10, 500 + 5 * layer, UNIT) for layer in (0, 1, 2, 3)),
    )
    assert check(detector) == []
    assert (detector.n_layers, len(detector.templates)) == (6, 5)
    assert [system.measures for system in detector.subsystems] == [("position",), ("energy",)]
    assert detector.labels["dd4hep_module"].tolist() == [7, 7, -1, -1, -1, -1]
    assert detector.labels["dd4hep_side"].tolist() == [-1, -1, 1, 1, 1, 1]
    # DD4hep's Cartesian cells have a centre on the origin, its hexagons one at (s/2, sqrt(3)/2 s), shifted by the layer.
    cell = detector.cell_at([0, 2, 3], [0.0, 1.0, 3.0], [0.0, np.sqrt(3), np.sqrt(3)])
    center = detector.cell_position([0, 2, 3], cell)[:, :2]
    assert np.allclose(center, [[0, 0], [1, np.sqrt(3)], [3, np.sqrt(3)]], atol=1e-9)
    assert detector.pitch_v[2] == pytest.approx(2 * np.sqrt(3))


def test_a_readout_without_layers_has_them_by_place(compact: Path) -> None:
    readouts = READOUTS.replace("system:4,layer:4,module:8,", "system:4,module:8,")
    (compact.parent / "parts" / "readouts.xml").write_text(readouts)
    lines = [
        f"Pixels,{3 | (2 * i + x) << 4},{21 * x},0,{z},{UNIT},20,40,0.3"
        for i, z in enumerate((50, 120))
        for x in (0, 1)
    ]
    detector = imported(compact, *lines, f"Pads,{4 | 1 << 8 | 5 << 10},0,0,500,{UNIT},60,60,0.5")
    assert detector.layer.tolist() == [0, 0, 1, 1, 2]
    assert "Layers: planes" in (compact.parent / "mine" / "README.md").read_text()


def test_bit_fields_may_be_a_constant(compact: Path) -> None:
    readouts = READOUTS.replace("system:4,layer:4,module:8,sensor:2,x:32:-12,y:-12", "${Bits},x:32:-12,y:-12")
    readouts = readouts.replace(
        "<lccdd>", '<lccdd><define><constant name="Bits" type="string" value="system:4,layer:4"/></define>'
    )
    (compact.parent / "parts" / "readouts.xml").write_text(readouts)
    assert [name for name, *_ in read_compact(compact).readouts["Pixels"].fields] == [
        "system",
        "layer",
        "x",
        "y",
    ]


def test_includes_of_an_installation_are_left_out_with_a_note(
    compact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = '<define><include ref="${DD4hepINSTALL}/DDDetectors/compact/elements.xml"/><include ref="${K4}/more.xml"/></define>'
    compact.write_text(COMPACT.replace("<lccdd>", f'<lccdd>{top}<include ref="../shared/x.xml"/>', 1))
    assert "shared/x.xml, not there" in read_compact(compact).notes[2]
    shared = compact.parent.parent / "shared"
    shared.mkdir(exist_ok=True)
    (shared / "x.xml").write_text('<lccdd><define><constant name="shared" value="3*cm"/></define></lccdd>')
    read = read_compact(compact)
    assert read.constants["shared"] == 3
    assert [note.split(":")[0] for note in read.notes] == ["Left out", "Left out"]
    assert "set K4 to read it" in read.notes[1]
    monkeypatch.setenv("K4", str(shared))
    with pytest.raises(BadInput, match=r"no such file: .*shared/more\.xml"):
        read_compact(compact)
    (shared / "x.xml").unlink()
    compact.write_text(COMPACT.replace("parts/readouts.xml", "${K4}/../../../etc/hosts.xml"))
    with pytest.raises(BadInput, match="lies outside the folder"):
        read_compact(compact)


def test_without_placements_the_error_says_what_is_missing(compact: Path) -> None:
    why = r"2 readouts|3 readouts, but C\+\+ places Tracker \(MyTracker\), ECal \(MyCalorimeter\).*detector import cells"
    with pytest.raises(BadInput, match=why):
        import_detector("dd4hep", compact, compact.parent / "mine")


@pytest.mark.parametrize(
    ("line", "header", "why"),
    [
        (f"Pixels,3,0,0,0,{UNIT},1,1,1", HEADER.replace("width,", "w,"), "column width: missing"),
        (
            f"Pixels,3,0,0,0,{UNIT},1,1,1",
            HEADER.replace("readout,", "collection,"),
            "column readout: missing",
        ),
        (f"Strips,3,0,0,0,{UNIT},1,1,1", HEADER, "line 2: no readout 'Strips'.*there are: Pixels, Pads"),
        ("Pixels,3,0,0,0,1,0,0,0,1,0,0,0,-1,1,1,1", HEADER, "line 2: the axes are left-handed"),
        (f"Rings,3,0,0,0,{UNIT},1,1,1", HEADER, r"readouts.xml: line 6.*PolarGridRPhi of Rings is not known"),
    ],
)
def test_bad_placements_say_where(compact: Path, line: str, header: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        imported(compact, line, header=header)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("parts/readouts.xml", "../../etc/passwd", r"line 7, <include>: .* lies outside the folder"),
        ("parts/readouts.xml", "parts/none.xml", "no such file"),
        ("parts/readouts.xml", "compact.xml", "included twice"),
        ('inner_field="field_value', 'inner_field="no_such', "inner_field: 'no_such' is not defined"),
        ("lccdd", "gdml", "no DD4hep compact description"),
        ("</fields>", "", r"line \d+: not XML"),
        ("<lccdd>", '<!DOCTYPE l [<!ENTITY a SYSTEM "x">]><lccdd>', "declares an entity, which is refused"),
    ],
)
def test_a_bad_file_says_where(compact: Path, old: str, new: str, why: str) -> None:
    compact.write_text(COMPACT.replace(old, new))
    with pytest.raises(BadInput, match=why):
        import_detector("dd4hep", compact, compact.parent / "mine")


@pytest.mark.parametrize("fields", ["system:4,layer", "system:x", "system:40,layer:40", ":4", "a:0"])
def test_bad_bit_fields_say_where(compact: Path, fields: str) -> None:
    readouts = READOUTS.replace("system:4,layer:4,module:8,sensor:2,x:32:-12,y:-12", fields)
    (compact.parent / "parts" / "readouts.xml").write_text(readouts)
    with pytest.raises(BadInput, match=r"line 3, <id>: .*bit field"):
        read_compact(compact)
