"""Files of jets: what is written comes back, equal blocks give equal bytes, and no fault of a file passes."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco import cli
from gnnreco.columns import JetBlock, Jets, concatenate
from gnnreco.errors import BadInput
from gnnreco.events import open_events, open_jets
from gnnreco.events.parquet.jets import FORMAT, is_jets, write_jets
from gnnreco.events.parquet.jets_block import BLOCK, CONSTITUENTS, SCHEMA
from gnnreco.events.parquet.row_groups import footer_of

SMALL = Path(__file__).parents[3] / "examples" / "jets" / "jets-small.parquet"
CLASSES, FEATURES = ("q", "g"), ("mass", "width", "count")


def made(seed: int, n: int, known: bool = True) -> Jets:
    """Jets of any size up to the limit, some empty, in numbers that float32 has exactly."""
    rng = np.random.default_rng(seed)
    size = rng.integers(0, CONSTITUENTS + 1, n)
    jet, m = np.repeat(np.arange(n), size), int(size.sum())
    pt = rng.exponential(10, m).astype(np.float32).astype(np.float64) + 0.5
    of_jet = rng.normal(0, 1, (4, n)).astype(np.float32).astype(np.float64)
    return Jets(
        np.concatenate([[0], np.cumsum(size)]),
        pt[np.lexsort((-pt, jet))].astype(np.float32).astype(np.float64),
        *rng.normal(0, 0.3, (2, m)).astype(np.float32).astype(np.float64),
        rng.normal(0, 1, (n, len(FEATURES))).astype(np.float32).astype(np.float64),
        FEATURES,
        rng.integers(-1, len(CLASSES) if known else 0, n),
        CLASSES,
        *of_jet,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two blocks, of 5 and 3 jets."""
    write_jets(tmp_path / "jets.parquet", [made(1, 5), made(2, 3)], {"made": "by hand"}, first=70)
    return tmp_path / "jets.parquet"


def blocks(file: Path, truth: bool = True) -> list[JetBlock]:
    return list(open_jets(file, truth))


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=4), seed=st.integers(0, 99))
def test_what_is_written_comes_back(
    sizes: list[tuple[int, bool]], seed: int, tmp_path_factory: pytest.TempPathFactory, assert_same: Any
) -> None:
    folder = tmp_path_factory.mktemp("jets")
    given_blocks = [made(seed + i, n, known) for i, (n, known) in enumerate(sizes)]
    for name in ("a", "b"):
        write_jets(folder / f"{name}.parquet", given_blocks, {"seed": str(seed)})
    assert (folder / "a.parquet").read_bytes() == (folder / "b.parquet").read_bytes()
    if not sizes:
        return
    read = blocks(folder / "a.parquet")
    assert [block.number for block in read] == list(range(len(sizes)))
    for block, jets in zip(read, given_blocks, strict=True):
        assert_same(block.jets, jets)
        assert block.labelled == (jets.label >= 0).any()


def test_a_file_of_no_jets_has_no_events(tmp_path: Path) -> None:
    write_jets(tmp_path / "none.parquet", [], {})
    assert is_jets(footer_of(tmp_path / "none.parquet"))
    with pytest.raises(BadInput, match="no events here"):
        open_jets(tmp_path / "none.parquet")


def test_without_truth_no_label_is_told(file: Path) -> None:
    for block in blocks(file, truth=False):
        assert not block.labelled
        assert (block.jets.label == -1).all()


def test_the_file_says_where_it_comes_from_and_numbers_go_on(file: Path) -> None:
    source = open_jets(file)
    assert source.numbers == [70, 71]
    assert repr(source).startswith("JetSource(2 events, 70 to 71, from")
    assert source[1:].numbers == [71]
    assert source.by_number(71) == source[1] != source[0]
    assert repr(source[1]).startswith("JetBlock(71: 3 jets, from")
    assert b"by hand" in pq.read_metadata(file).metadata[b"gnnreco.sources"]


def test_the_example_that_ships() -> None:
    jets = concatenate([block.jets for block in blocks(SMALL)])
    assert len(jets) == 2000
    assert jets.classes == ("q", "g", "W", "Z", "t")
    assert jets.features.shape == (2000, 16)
    assert np.bincount(jets.label).tolist() == [400] * 5
    mass = jets.features[:, jets.feature_names.index("mass_mmdt")]
    medians = [float(np.median(mass[jets.label == k])) for k in range(5)]
    assert 70 < medians[2] < 84 < medians[3] < 95 < 150 < medians[4] < 178  # W, Z and top, GeV
    assert np.abs(jets.eta).max() < 1.2
    assert np.hypot(jets.eta, jets.phi).max() < 1.0  # radius of 0.8, axis of the sum
    assert jets.jet_pt.min() > 799
    assert jets.jet_pt.max() < 1601


def test_cutting_and_joining_undo_one_another() -> None:
    jets = made(3, 12)
    assert concatenate([jets[:5], jets[5:]]) == jets
    turned = jets[::-1]
    np.testing.assert_array_equal(turned.pt[: turned.offsets[1]], jets.pt[jets.offsets[11] :])


def rewrite(file: Path, change: Callable[[pa.Table], pa.Table], size: int = 5) -> None:
    """The file with other columns, its metadata kept."""
    about, table = pq.read_metadata(file).metadata, change(pq.read_table(file))
    kept = {k: v for k, v in about.items() if k.startswith(b"gnnreco")}
    pq.write_table(table.replace_schema_metadata(kept), file, row_group_size=size)


def setter(name: str, row: int, value: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        values = table.column(name).to_pylist()
        values[row] = value
        return table.set_column(
            table.column_names.index(name), name, pa.array(values, SCHEMA.field(name).type)
        )

    return change


NAN = float("nan")
FAULTS: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "a missing column": (lambda t: t.drop_columns(["features"]), "column features: is missing"),
    "another type": (
        lambda t: t.set_column(0, "label", t.column("label").cast(pa.float64())),
        "column label: holds double",
    ),
    "a feature that is NaN": (
        setter("features", 1, [1.0, NAN, 2.0]),
        "event 70, column features: NaN or infinity",
    ),
    "a feature too few": (setter("features", 6, [1.0, 2.0]), "event 71, column features: 2 values of a jet"),
    "a gap among features": (setter("features", 0, [1.0, None, 2.0]), "column features: NaN"),
    "a jet without features": (setter("features", 0, None), "column features: 1 gaps"),
    "a mass that is infinite": (setter("jet_mass", 2, float("inf")), "column jet_mass: NaN or infinity"),
    "a label that is no class": (setter("label", 2, 2), "column label: outside -1 to 1"),
    "no label": (setter("label", 2, None), "column label: 1 gaps"),
    "angles too few": (setter("eta", 2, [0.1]), "column eta: not as many values as of pt"),
    "constituents too many": (setter("pt", 0, [1.0] * (CONSTITUENTS + 1)), "column eta: not as many"),
    "no order": (setter("pt", 0, [1.0, 2.0]), "not as many"),
    "no momentum": (
        lambda t: setter("phi", 0, [0.0])(setter("eta", 0, [0.0])(setter("pt", 0, [0.0])(t))),
        "no momentum",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(name: str, file: Path) -> None:
    change, told = FAULTS[name]
    rewrite(file, change)
    with pytest.raises(BadInput) as raised:
        blocks(file)
    assert told in str(raised.value)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize(
    ("pt", "told"),
    [
        ([1.0, 2.0], "not hardest first"),
        ([-1.0], "no momentum"),
        ([1.0] * (CONSTITUENTS + 1), "more than 64"),
    ],
)
def test_constituents_that_are_wrong(pt: list[float], told: str, file: Path, tmp_path: Path) -> None:
    for name in ("pt", "eta", "phi"):
        rewrite(file, setter(name, 0, pt))
    with pytest.raises(BadInput, match=told):
        blocks(file)
    n, none = len(pt), np.zeros(1)
    wrong = Jets(
        np.array([0, n]),
        np.array(pt),
        np.zeros(n),
        np.zeros(n),
        np.zeros((1, 3)),
        FEATURES,
        np.array([0]),
        CLASSES,
        none,
        none,
        none,
        none,
    )
    with pytest.raises(BadInput, match=told):
        write_jets(tmp_path / "b.parquet", [wrong], {})


def test_blocks_that_do_not_fit(tmp_path: Path) -> None:
    other = replace(made(2, 3), classes=("a", "b"))
    with pytest.raises(BadInput, match="unlike those of the first"):
        write_jets(tmp_path / "a.parquet", [made(1, 2), other], {})
    with pytest.raises(BadInput, match="more than 1,000"):
        write_jets(tmp_path / "a.parquet", [made(1, BLOCK + 1)], {})


def test_row_groups_too_large(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    write_jets(file, [made(1, 600), made(2, 600)], {})
    rewrite(file, lambda t: t, 1_200)
    with pytest.raises(BadInput, match="row group 0: 1,200 jets"):
        open_jets(file)


def test_another_version(file: Path) -> None:
    table = pq.read_table(file)
    pq.write_table(table.replace_schema_metadata({b"gnnreco.format": b"gnnreco jets 9"}), file)
    with pytest.raises(BadInput, match="another version"):
        open_jets(file)


def test_metadata_without_names(file: Path) -> None:
    for names in (b"", b'"q"', b"[1]"):
        table = pq.read_table(file)
        about = {b"gnnreco.format": FORMAT, b"gnnreco.classes": names, b"gnnreco.features": b"[]"}
        pq.write_table(table.replace_schema_metadata(about), file)
        with pytest.raises(BadInput, match="damaged"):
            open_jets(file)


@settings(max_examples=150, deadline=None)
@given(
    place=st.floats(0, 1, exclude_max=True),
    mask=st.integers(1, 255),
    cut=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_damage_is_an_error_or_harmless(
    place: float, mask: int, cut: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "spoilt_jets"
    folder.mkdir(exist_ok=True)
    good, bad = folder / "good.bin", folder / "bad.parquet"
    if not good.exists():
        write_jets(good, [made(1, 5), made(2, 3)], {})
    data = bytearray(good.read_bytes())
    data[int(place * len(data))] ^= mask
    bad.write_bytes(data[: int(cut * len(data) + 0.5)])
    with contextlib.suppress(BadInput):
        for block in blocks(bad):
            assert np.isfinite(block.jets.features).all()
            assert block.jets.offsets[-1] == len(block.jets.pt) == len(block.jets.phi)


@pytest.mark.parametrize(
    "words",
    [
        ["show", SMALL, "--detector", "trackml", "-o", "page.html"],
        ["explore", SMALL, "-o", "page.html"],
        ["convert", SMALL, "--detector", "trackml", "-o", "out"],
        ["reconstruct", SMALL, "--detector", "trackml", "--bundle", "tracking-trackml", "-o", "out"],
    ],
    ids=lambda words: words[0],
)
def test_verbs_for_hits_refuse_jets(
    words: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(SMALL, tmp_path / "jets.parquet")
    monkeypatch.chdir(tmp_path)
    assert cli.main([str(word).replace(str(SMALL), "jets.parquet") for word in words]) == 2
    told = capsys.readouterr().err
    assert "jets.parquet: holds jets, not hits" in told
    assert "Traceback" not in told
    assert not (tmp_path / "page.html").exists()


def test_hits_are_no_jets(file: Path) -> None:
    hits = SMALL.parents[1] / "events"
    with pytest.raises(BadInput, match=r"events.*: holds no jets"):
        open_jets([file, hits])
    with pytest.raises(BadInput, match=r"jets\.parquet: holds jets, not hits"):
        open_events([file, hits], None)
