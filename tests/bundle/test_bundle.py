"""A bundle comes back as it was written, or it does not load and says why."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import save as save_tensors

from gnnreco.bundle import SHIPPED, Bundle, find_bundle, list_bundles, load_bundle, load_task, save_bundle
from gnnreco.bundle.files import manifest_sum, sha256, without_places
from gnnreco.columns import Tracks
from gnnreco.errors import BadBundle
from gnnreco.tasks import registry
from gnnreco.tasks.contract import Needs


@dataclass(frozen=True)
class SomeDetector:
    name: str = "plates"
    hash: str = "a" * 64

    def at_source(self) -> SomeDetector:
        """It stands where its source is."""
        return self


@dataclass(frozen=True)
class Settings:
    hidden: int = 4


class SomeTask:
    @classmethod
    def from_config(cls, config: Settings, detector: SomeDetector) -> SomeTask:
        return cls()

    @classmethod
    def arrays(cls, config: Settings, detector: SomeDetector) -> None:
        """Nothing is checked."""

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.weight = state["layer.weight"]


STATE = {
    "layer.weight": np.arange(6.0).reshape(2, 3),
    "layer.bias": np.ones(2, np.float32),
    "counts": np.arange(3),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    kind = registry.Kind(Needs(), Tracks, lambda: (SomeTask, Settings))
    monkeypatch.setitem(registry.TASKS, "some", kind)
    return write(tmp_path / "model")


def write(folder: Path, task: str = "some", config: Any = None, state: Any = None) -> Path:
    training = {"command": "gnnreco train some", "seed": 1}
    save_bundle(
        folder, task, config or {"hidden": 4}, state or STATE, SomeDetector(), training, {"efficiency": 0.9}
    )
    return folder


def test_bundles_are_equal_where_they_hold_the_same(folder: Path, tmp_path: Path) -> None:
    bundle = load_bundle(folder)
    assert bundle == load_bundle(write(tmp_path / "again"))
    assert bundle != load_bundle(write(tmp_path / "other", config={"hidden": 5}))
    assert bundle != replace(bundle, state={**bundle.state, "counts": np.arange(4)})
    assert bundle != replace(bundle, state={})
    assert bundle != "model"


def test_what_is_saved_is_loaded(folder: Path) -> None:
    bundle = load_bundle(folder)
    assert (bundle.name, bundle.task, bundle.config) == ("model", "some", {"hidden": 4})
    assert bundle.manifest["detector"] == {"name": "plates", "hash": "a" * 64}
    assert bundle.manifest["training"]["seed"] == 1
    assert bundle.manifest["metrics"] == {"efficiency": 0.9}
    assert bundle.parameters == 11
    for name, array in STATE.items():
        assert bundle.state[name].dtype == array.dtype
        assert np.array_equal(bundle.state[name], array)
    assert np.array_equal(load_task(bundle, SomeDetector()).weight, STATE["layer.weight"])


def test_same_content_same_bytes(folder: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other", state=dict(reversed(STATE.items())))
    write(other)  # over an older one
    for file in sorted(folder.iterdir()):
        assert file.read_bytes() == (other / file.name).read_bytes(), file.name
    assert len(list(other.iterdir())) == 3


@pytest.mark.parametrize("name", ["manifest.json", "config.yaml", "weights.safetensors"])
def test_every_flipped_bit_is_found(folder: Path, name: str) -> None:
    file = folder / name
    good = file.read_bytes()
    for position in np.random.default_rng(0).integers(0, len(good), 60):
        for bit in (1, 32):
            bad = bytearray(good)
            bad[position] ^= bit
            file.write_bytes(bad)
            if name == "manifest.json" and good[position : position + 1].isspace():
                continue  # layout between the values
            with pytest.raises(BadBundle):
                load_bundle(folder)
    file.write_bytes(good[:-20])
    with pytest.raises(BadBundle):
        load_bundle(folder)
    file.unlink()
    with pytest.raises(BadBundle, match=f"{name} is missing"):
        load_bundle(folder)


def edit(folder: Path, **changes: Any) -> None:
    """Change the manifest as someone would who can also write the right sum."""
    manifest = {**json.loads((folder / "manifest.json").read_text()), **changes}
    manifest["sha256"] = manifest_sum(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_manifest_cannot_point_elsewhere(folder: Path) -> None:
    files = load_bundle(folder).manifest["files"]
    edit(folder, files={**files, "../../secret": files["config.yaml"]})
    with pytest.raises(BadBundle, match="nothing else"):
        load_bundle(folder)


def test_a_later_format_is_named(folder: Path) -> None:
    edit(folder, format=2)
    with pytest.raises(BadBundle, match="has format 2"):
        load_bundle(folder)


def test_settings_run_no_code(folder: Path) -> None:
    trap = folder.parent / "trap"
    text = (
        f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{trap}']]".encode()
    )
    (folder / "config.yaml").write_bytes(text)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    files["config.yaml"] = {"bytes": len(text), "sha256": sha256(text)}
    edit(folder, files=files)
    with pytest.raises(BadBundle, match="cannot be read"):
        load_bundle(folder)
    assert not trap.exists()


def test_weights_that_are_no_numbers(folder: Path) -> None:
    with pytest.raises(BadBundle, match=r"'layer\.bias' holds a NaN"):
        write(folder, state={"layer.bias": np.array([1, np.nan])})
    weights = save_tensors({"w": np.array([1.0, np.nan])})
    (folder / "weights.safetensors").write_bytes(weights)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    edit(
        folder,
        files={**files, "weights.safetensors": {"sha256": sha256(weights), "bytes": len(weights)}},
    )
    with pytest.raises(BadBundle, match="'w' holds a NaN"):
        load_bundle(folder)


def test_another_detector_another_task_other_settings(folder: Path) -> None:
    bundle = load_bundle(folder)
    other = SomeDetector("tiles", "b" * 64)
    with pytest.raises(BadBundle, match=r"trained on detector 'plates' .* not on 'tiles'.*any_detector=True"):
        load_task(bundle, other)
    with pytest.raises(BadBundle, match="make one for it with `gnnreco bundle adapt`"):
        load_bundle("tracking-telescope").check_detector(other)
    assert load_task(bundle, other, any_detector=True)
    with pytest.raises(BadBundle, match="task 'somme'; did you mean 'some'"):
        load_task(load_bundle(write(folder, task="somme")), SomeDetector())
    with pytest.raises(BadBundle, match="unknown setting 'hiden'; did you mean 'hidden'"):
        load_task(load_bundle(write(folder, config={"hiden": 3})), SomeDetector())
    with pytest.raises(BadBundle, match=r"does not fit.*layer\.weight"):
        load_task(load_bundle(write(folder, state={"x": np.ones(1)})), SomeDetector())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/tmp/bd2/tagger_front/point-02", "point-02"),
        ("gnnreco deploy /tmp/bd2/start --search: point 3", "gnnreco deploy start --search: point 3"),
        (
            "train sample.inputs=[/tmp/a/1.parquet,/tmp/a/2.parquet]",
            "train sample.inputs=[1.parquet,2.parquet]",
        ),
        ("task.teacher='/work/x y/t' ~/runs/b C:\\data\\c.csv", "task.teacher='x y/t' b c.csv"),
        ("runs/a ../b n/a 3/4 https://zenodo.org/records/1 a / b", None),
    ],
)
def test_manifests_name_files_not_places(text: str, left: str | None) -> None:
    assert without_places({"a": [text], "n": 3}) == {"a": [text if left is None else left], "n": 3}


def test_no_shipped_bundle_names_a_place() -> None:
    for file in SHIPPED.glob("*/*"):
        if file.suffix in (".json", ".yaml"):
            values = yaml.safe_load(file.read_text())
            assert without_places(values) == values, file


def test_shipped_bundles_load_and_a_wrong_name_is_an_error() -> None:
    for name in list_bundles():
        assert isinstance(load_bundle(name), Bundle)
    with pytest.raises(BadBundle, match="neither a folder nor a shipped bundle"):
        find_bundle("no-such-bundle")
