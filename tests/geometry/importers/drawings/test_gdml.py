"""Sensitive volumes of GDML become sensors where Geant4 puts them; what cannot be read says where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.geometry import Detector, check, import_detector, load_detector

SENSOR = '<auxiliary auxtype="SensDet" auxvalue="pixels"/>'
CHIP = '<box name="chip" x="20" y="0.3" z="40" lunit="mm"/>'


def gdml(
    folder: Path,
    solids: str = CHIP,
    structure: str = "",
    define: str = "",
    solid: str = "chip",
    tag: str = SENSOR,
) -> Path:
    """A file with one kind of sensor, placed as `structure` says (once, unless told)."""
    placed = structure or '<physvol><volumeref ref="Sensor"/></physvol>'
    file = folder / "detector.gdml"
    file.write_text(
        f"""<?xml version="1.0"?>
<gdml>
<define>{define}</define>
<solids>{solids}<box name="hall" x="9" y="9" z="9" lunit="m"/></solids>
<structure>
<volume name="Sensor0x55d1c0"><materialref ref="Si"/><solidref ref="{solid}"/>{tag}</volume>
<volume name="World"><materialref ref="Air"/><solidref ref="hall"/>
{placed.replace('"Sensor"', '"Sensor0x55d1c0"')}
</volume>
</structure>
<setup name="Default" version="1.0"><world ref="World"/></setup>
</gdml>"""
    )
    return file


def imported(file: Path, **options: str) -> Detector:
    return load_detector(import_detector("gdml", file, file.parent / "mine", None, options))


def test_the_thin_direction_is_the_normal(tmp_path: Path) -> None:
    detector = imported(gdml(tmp_path), pitch="0.1,0.05", field="2")
    assert check(detector) == []
    assert np.allclose(np.abs(detector.rotation[0, :, 2]), [0, 1, 0])
    assert np.isclose(np.linalg.det(detector.rotation[0]), 1.0)
    assert detector.thickness[0] == 0.3
    assert [system.name for system in detector.subsystems] == ["pixels"]
    on = detector.locate(np.array([[9.9, 0.0, 19.9], [19.9, 0.0, 9.9]]), 0.01)
    assert on.tolist() == [0, -1]
    assert detector.templates[0].n_cells == 400 * 400


def test_placements_are_turned_as_geant4_turns_them(tmp_path: Path) -> None:
    """Geant4 turns the frame: a rotation of 90 degrees about z takes the volume's x axis to -y."""
    structure = """
<physvol copynumber="7"><volumeref ref="Sensor"/><position x="r" y="0" z="0" unit="cm"/>
<rotation z="90" unit="deg"/></physvol>
<physvol copynumber="8"><volumeref ref="Sensor"/><positionref ref="up"/><rotationref ref="turn"/></physvol>"""
    define = """<constant name="r" value="2*(1+4)"/><position name="up" x="0" y="1+1" z="-3" unit="m"/>
<rotation name="turn" x="0" y="pi/2" z="0"/>"""
    detector = imported(gdml(tmp_path, structure=structure, define=define))
    assert detector.center.tolist() == [[100, 0, 0], [0, 2000, -3000]]
    assert detector.labels["copy_number"].tolist() == [7, 8]
    # The box is 20 x 0.3 x 40: its long z stays along z in the first, lies along x in the second.
    points = np.array(
        [[100, 9.9, 19.9], [100, 19.9, 9.9], [19.9, 2000, -3009.9], [9.9, 2000, -3019.9]], float
    )
    assert (detector.locate(points, 0.01) >= 0).tolist() == [True, False, True, False]
    turned = '<physvol><volumeref ref="Sensor"/><rotation x="30" y="40" z="50" unit="deg"/></physvol>'
    (tmp_path / "other").mkdir()
    axes = imported(gdml(tmp_path / "other", structure=turned)).rotation[0]
    a, b, c = np.radians([30, 40, 50])
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    # CLHEP: rotateX, rotateY, rotateZ multiply from the left; the volume turns by the inverse.
    assert np.allclose(axes[:, 2], np.linalg.inv(z @ y @ x)[:, 1])


def test_volumes_in_volumes_and_mirror_images(tmp_path: Path) -> None:
    structure = """
<physvol><volumeref ref="Stave"/><position z="100"/></physvol>
<physvol><volumeref ref="Stave"/><position z="-100"/><scale x="1" y="1" z="-1"/></physvol>"""
    file = gdml(tmp_path, structure=structure)
    stave = """<assembly name="Stave"><physvol copynumber="1"><volumeref ref="Sensor0x55d1c0"/><position z="10"/></physvol>
<physvol copynumber="2"><volumeref ref="Sensor0x55d1c0"/><position z="60"/></physvol></assembly>
<volume name="World">"""
    file.write_text(file.read_text().replace('<volume name="World">', stave))
    detector = imported(file)
    assert detector.center[:, 2].tolist() == [110, 160, -110, -160]
    assert detector.labels["copy_number"].tolist() == [1, 2, 1, 2]
    assert np.allclose(np.linalg.det(detector.rotation), 1.0)
    assert check(detector) == []


@pytest.mark.parametrize(
    ("solid", "inside", "outside"),
    [
        ('<trd name="s" x1="10" x2="20" y1="1" y2="1" z="30"/>', [(9, 0, 14), (4, 0, -14)], [(9, 0, -14)]),
        ('<trd name="s" x1="1" x2="1" y1="10" y2="20" z="30"/>', [(0, 9, 14), (0, 4, -14)], [(0, 9, -14)]),
        (
            '<trap name="s" z="1" y1="30" x1="10" x2="20" y2="30" x3="10" x4="20"/>',
            [(9, 14, 0)],
            [(9, -14, 0)],
        ),
        (
            '<tube name="s" rmin="30" rmax="50" z="1" startphi="80" deltaphi="20" aunit="deg"/>',
            [(0, 40, 0), (4, 49, 0)],
            [(40, 0, 0), (0, 29, 0)],
        ),
        (
            '<tube name="s" rmin="30" rmax="50" z="1" deltaphi="360" aunit="deg"/>',
            [(0, 40, 0), (-40, 0, 0), (28, 28, 0)],
            [(0, 0, 0), (0, 60, 0)],
        ),
        (
            '<xtru name="s"><twoDimVertex x="0" y="0"/><twoDimVertex x="0" y="9"/><twoDimVertex x="9" y="0"/>'
            '<section zOrder="0" zPosition="2"/><section zOrder="1" zPosition="3"/></xtru>',
            [(1, 1, 2.5), (7, 1, 2.5)],
            [(7, 7, 2.5), (1, 1, 0)],
        ),
        (
            '<polyhedra name="s" startphi="0" deltaphi="twopi" numsides="6"><zplane rmax="10" z="0"/><zplane rmax="10" z="1"/>'
            "</polyhedra>",
            [(11, 0, 0.5), (0, 9.9, 0.5)],
            [(0, 10.5, 0.5), (0, 0, 2)],
        ),
    ],
)
@pytest.mark.parametrize("pitch", ["1,2", ""])
def test_solids_keep_their_edges(
    tmp_path: Path,
    solid: str,
    inside: list[tuple[float, ...]],
    outside: list[tuple[float, ...]],
    pitch: str,
) -> None:
    detector = imported(gdml(tmp_path, solid, solid="s"), **({"pitch": pitch} if pitch else {}))
    assert check(detector) == []
    found = detector.locate(np.array([*inside, *outside], float), 0.2) >= 0
    assert found.tolist() == [True] * len(inside) + [False] * len(outside)
    uvw = detector.to_local(np.zeros(len(inside), int), np.array(inside, float))
    assert (detector.cell_at(np.zeros(len(inside), int), uvw[:, 0], uvw[:, 1]) >= 0).all()


def test_sensors_by_name_and_pitches_by_name(tmp_path: Path) -> None:
    detector = imported(gdml(tmp_path, tag=""), sensitive="Sen*,Other", pitch="Strip*:1,20;Sensor:2,4")
    assert (detector.subsystems[0].name, detector.pitch_u[0], detector.pitch_v[0]) == ("Sensor", 2.0, 4.0)
    assert "sha256" in (tmp_path / "mine" / "README.md").read_text()


def test_layers_by_place(tmp_path: Path) -> None:
    flat = '<box name="chip" x="20" y="20" z="0.3"/>'
    physvol = '<physvol><volumeref ref="Sensor"/><position x="{}" z="{}"/></physvol>'
    places = [(0, 100), (21, 102), (0, 200), (0, -100)]
    detector = imported(gdml(tmp_path, flat, "".join(physvol.format(*place) for place in places)))
    assert detector.layer.tolist() == [1, 1, 2, 0]


def test_names_that_differ_in_numbers_are_one_subsystem(tmp_path: Path) -> None:
    """A wall whose volumes are `Strip_1`, `Strip_2`, ...: one subsystem, one layer; `Strip_Long` is another."""
    names = ["Strip_1", "Strip_2", "Strip_10_copy_3", "Strip_Long"]
    volumes = "".join(f'<volume name="{name}"><solidref ref="chip"/></volume>' for name in names)
    placed = "".join(
        f'<physvol><volumeref ref="{name}"/><position x="{25 * i}"/></physvol>'
        for i, name in enumerate(names)
    )
    file = gdml(tmp_path, structure=placed, tag="")
    file.write_text(file.read_text().replace('<volume name="World">', f'{volumes}<volume name="World">'))
    detector = imported(file, sensitive="Strip*", pitch="Strip_1:1,2")
    assert [system.name for system in detector.subsystems] == ["Strip", "Strip_Long"]
    assert detector.layer.tolist() == [0, 0, 0, 1]
    assert detector.pitch_u[:2].tolist() == [1.0, 40.0]


def with_entity(folder: Path, entity: str) -> Path:
    file = gdml(folder, define="&x;")
    head, body = file.read_text().split("\n", 1)
    file.write_text(f"{head}\n<!DOCTYPE gdml [\n{entity}]>\n{body}")
    return file


@pytest.mark.parametrize(
    ("entity", "why"),
    [
        ('<!ENTITY x "xxxxxxxxxx">', "line 3: declares an entity, which is refused"),
        ('<!ENTITY % x SYSTEM "beside.gdml">', "line 3: declares an entity, which is refused"),
        ('<!ENTITY x SYSTEM "../secret">', "line 5: an entity: .* lies outside the folder of the file"),
        ('<!ENTITY x SYSTEM "link">', "lies outside the folder of the file"),
        ('<!ENTITY x SYSTEM "/etc/passwd">', "is not the name of a file beside this one"),
        ('<!ENTITY x SYSTEM "http://example.org/x">', "is not the name of a file beside this one"),
        ('<!ENTITY x SYSTEM "none">', "no such file"),
        ('<!ENTITY x SYSTEM "itself.gdml">', "itself.gdml: line 1: not XML: recursive entity reference"),
    ],
)
def test_entities_are_refused_before_they_are_read(tmp_path: Path, entity: str, why: str) -> None:
    (tmp_path / "secret").write_text("<constant name='a' value='1'/>")
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "itself.gdml").write_text("<a/>&x;")
    with pytest.raises(BadInput, match=why):
        import_detector("gdml", with_entity(folder, entity), folder / "mine")
    assert not (folder / "mine").exists()


def test_files_beside_are_read(tmp_path: Path) -> None:
    """As LDMX writes them: constants by an entity, and volumes of another file with names of their own."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "constants.gdml").write_text('<constant name="far" value="100"/>')
    (tmp_path / "parts" / "other.gdml").write_text(
        """<gdml_simple_extension><define><constant name="far" value="7"/></define>
<solids><box name="b" x="10" y="10" z="0.5"/></solids><structure>
<volume name="Pad"><solidref ref="b"/><auxiliary auxtype="SensDet" auxvalue="pads"/></volume>
<volume name="All"><solidref ref="b"/><physvol copynumber="5"><volumeref ref="Pad"/><position z="far"/></physvol></volume>
</structure><setup name="d" version="1"><world ref="All"/></setup></gdml_simple_extension>"""
    )
    file = with_entity(tmp_path, '<!ENTITY x SYSTEM "parts/constants.gdml">')
    structure = """<physvol><volumeref ref="Sensor0x55d1c0"/><position z="far"/></physvol>
<physvol><file name="parts/other.gdml"/><position z="500"/></physvol>
<physvol><file name="parts/other.gdml" volname="Pad"/><position z="900"/></physvol>"""
    text = file.read_text()
    once = text[text.index("<physvol>") : text.index("</physvol>") + len("</physvol>")]
    file.write_text(text.replace(once, structure))
    detector = imported(file)
    assert detector.center[:, 2].tolist() == [100, 507, 900]
    assert [system.name for system in detector.subsystems] == ["pixels", "pads"]
    (tmp_path / "parts" / "other.gdml").write_text(
        text.replace(once, '<physvol><file name="other.gdml"/></physvol>').replace("&x;", "")
    )
    with pytest.raises(BadInput, match=r"other\.gdml.*in a circle"):
        import_detector("gdml", file, tmp_path / "again")
    (tmp_path / "parts" / "other.gdml").unlink()
    with pytest.raises(BadInput, match=r"no such file: .*other\.gdml; missing=skip"):
        import_detector("gdml", file, tmp_path / "again")
    folder = import_detector("gdml", file, tmp_path / "again", None, {"missing": "skip"})
    assert load_detector(folder).n_sensors == 1
    assert "Left out, since it is not there: other.gdml" in (folder / "README.md").read_text()


def test_loops_and_replicas_are_written_out(tmp_path: Path) -> None:
    define = '<variable name="i" value="0"/><matrix name="m" coldim="2" values="1 2 3 40"/><matrix name="v" coldim="1" values="005 6"/>'
    structure = """<loop for="i" from="1" to="2" step="1"><loop for="j" from="0" to="1" step="1">
<physvol copynumber="10*i+j"><volumeref ref="Sensor"/><position x="m[i,2]" y="v[j+1]" z="100*i"/></physvol></loop></loop>
<physvol><volumeref ref="Row"/></physvol>"""
    row = """<volume name="Row"><solidref ref="chip"/><replicavol number="3"><volumeref ref="Sensor0x55d1c0"/>
<replicate_along_axis><direction z="1"/><width value="5" unit="cm"/><offset value="0"/></replicate_along_axis></replicavol></volume>
<volume name="Idle"><solidref ref="none"/><paramvol ncopies="3"><volumeref ref="Bolt"/></paramvol></volume><volume name="Bolt"/>
<volume name="World">"""
    file = gdml(tmp_path, structure=structure, define=define)
    file.write_text(file.read_text().replace('<volume name="World">', row))
    detector = imported(file)
    assert detector.labels["copy_number"].tolist() == [10, 11, 20, 21, 0, 1, 2]
    assert detector.center.tolist() == [
        *([2, 5, 100], [2, 6, 100], [40, 5, 200], [40, 6, 200]),
        *([0, 0, -50], [0, 0, 0], [0, 0, 50]),
    ]


def test_names_in_loops_are_counted_as_geant4_counts(tmp_path: Path) -> None:
    solids = (
        CHIP + '<loop for="i" from="1" to="2" step="1"><box name="plate[i]" x="10*i" y="10" z="0.3"/></loop>'
    )
    define = '<variable name="i" value="0"/>'
    file = gdml(tmp_path, solids, '<physvol><volumeref ref="Plate_1"/><position z="9"/></physvol>', define)
    loop = f'<loop for="i" from="1" to="2" step="1"><volume name="Plate[i]"><solidref ref="plate[i]"/>{SENSOR}</volume></loop>'
    file.write_text(file.read_text().replace('<volume name="World">', f'{loop}<volume name="World">'))
    assert imported(file).half_u.tolist() == [10.0]


def test_scales_that_are_rounded_are_told(tmp_path: Path) -> None:
    structure = '<physvol><volumeref ref="Sensor"/><scale x="1.000037" y="1" z="-0.99996"/></physvol>'
    detector = imported(
        gdml(tmp_path, structure=structure, define='<variable name="lost" value="nowhere+1"/>')
    )
    assert np.allclose(detector.rotation @ detector.rotation.transpose(0, 2, 1), np.eye(3), atol=1e-12)
    assert "Scales within 0.001 of 1" in (tmp_path / "mine" / "README.md").read_text()


def test_a_loop_without_end_is_refused(tmp_path: Path) -> None:
    for step, why in (
        ("1", "1,000,000,001 steps"),
        ("0", "must be greater than 0"),
        ("10**10**10", "cannot be computed"),
    ):
        loop = f'<loop for="i" from="0" to="10^9" step="{step}"><physvol><volumeref ref="Sensor"/></physvol></loop>'
        with pytest.raises(BadInput, match=f"line 8, <loop>: .*{why}"):
            import_detector("gdml", gdml(tmp_path, structure=loop), tmp_path / "mine")


RING = '<tube name="s" rmin="49" rmax="50" z="90" deltaphi="6.28"/>'
VEE = (
    '<xtru name="s"><twoDimVertex x="0" y="0"/><twoDimVertex x="9" y="9"/><twoDimVertex x="0" y="2"/>'
    '<twoDimVertex x="-9" y="9"/><section zPosition="0"/><section zPosition="1"/></xtru>'
)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"solid": "none"}, r"line 6, <solidref>: names no solid"),
        ({"tag": ""}, "no sensitive volume.*SensDet"),
        ({"solids": RING, "solid": "s"}, r"line 4, <tube> s: a thin tube is curved"),
        ({"solids": VEE, "solid": "s"}, "polygon is not convex"),
        (
            {"solids": '<sphere name="s" rmax="3"/>', "solid": "s"},
            "a sensitive sphere cannot be held; known are box",
        ),
        ({"solids": '<box name="chip" x="1" y="2"/>'}, "no attribute 'z'"),
        ({"solids": '<box name="chip" x="1" y="2" z="-3"/>'}, "three lengths above 0"),
        ({"solids": '<box name="chip" x="one" y="2" z="3"/>'}, "x: 'one' is not defined"),
        ({"solids": '<box name="chip" x="open(1)" y="2" z="3"/>'}, "the function 'open' is not known"),
        ({"solids": '<box name="chip" x="1" y="2" z="3" lunit="ell"/>'}, "'ell' is not defined"),
        (
            {"structure": '<physvol><volumeref ref="Stave"/></physvol>'},
            r"line 8, <volumeref>: no volume 'Stave'",
        ),
        ({"structure": '<physvol><file name="other.gdml"/></physvol>'}, "no such file"),
        (
            {"structure": '<divisionvol><volumeref ref="Sensor"/></divisionvol>'},
            "line 8, <divisionvol>: is not expanded here",
        ),
        ({"structure": '<physvol><volumeref ref="World"/></physvol>'}, "<volume> World: contains itself"),
        (
            {"structure": '<physvol><volumeref ref="Sensor"/><positionref ref="up"/></physvol>'},
            "no position 'up'",
        ),
        (
            {"structure": '<physvol><volumeref ref="Sensor"/><scale x="2"/></physvol>'},
            "is scaled; only mirror images",
        ),
    ],
)
def test_what_cannot_be_read_says_where(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        import_detector("gdml", gdml(tmp_path, **changes), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_too_many_sensors_are_refused_by_their_count(tmp_path: Path) -> None:
    structure = ['<assembly name="A0"><physvol><volumeref ref="Sensor0x55d1c0"/></physvol></assembly>']
    for depth in range(1, 12):
        twice = f'<physvol><volumeref ref="A{depth - 1}"/></physvol>' * 10
        structure.append(f'<assembly name="A{depth}">{twice}</assembly>')
    file = gdml(tmp_path, structure='<physvol><volumeref ref="A11"/></physvol>')
    file.write_text(
        file.read_text().replace('<volume name="World">', "".join(structure) + '<volume name="World">')
    )
    with pytest.raises(BadInput, match="100,000,000,000 sensors, over the limit"):
        import_detector("gdml", file, tmp_path / "mine")


def test_a_file_cut_short_names_the_line(tmp_path: Path) -> None:
    file = gdml(tmp_path)
    file.write_text(file.read_text()[:-80])
    with pytest.raises(BadInput, match=r"line \d+: not XML"):
        import_detector("gdml", file, tmp_path / "mine")
    file.write_text("<root/>")
    with pytest.raises(BadInput, match="no GDML"):
        import_detector("gdml", file, tmp_path / "mine")
    with pytest.raises(BadInput, match=r"option pitch: expected 2 numbers"):
        import_detector("gdml", gdml(tmp_path), tmp_path / "mine", None, {"pitch": "1"})
