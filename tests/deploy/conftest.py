"""One export, made once for all tests of the deployment; and one run of the compiler for the same C++."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gnnreco.bundle import Bundle, load_bundle
from gnnreco.deploy.hls import compile as hls_project
from gnnreco.deploy.onnx.export import export_onnx

SIMULATIONS: dict[str, bytes] = {}


@pytest.fixture(scope="module", autouse=True)
def simulations_compiled_once() -> Iterator[None]:
    """The same sources give the same C simulation, which reads its vectors from a file: the compiler runs once for each."""
    run = hls_project.run

    def once(words: Sequence[str], folder: Path, *limits: Any, **named: Any) -> str:
        if words[0] != "g++":
            return run(words, folder, *limits, **named)
        built, places = folder / "csim", [folder, *(Path(w[2:]) for w in words if w.startswith("-I"))]
        sources = [
            file.read_bytes()
            for place in places
            for file in sorted(place.iterdir())
            if file.suffix in (".cpp", ".h")
        ]
        key = hashlib.sha256(b"".join(sources)).hexdigest()
        if key in SIMULATIONS:
            built.write_bytes(SIMULATIONS[key])
            built.chmod(0o755)
            return ""
        # A few hundred vectors need no fast program, but the compiler time for one.
        said = run([word.replace("-O1", "-O0") for word in words], folder, *limits, **named)
        SIMULATIONS[key] = built.read_bytes()
        return said

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hls_project, "run", once)
        yield


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return load_bundle("tracking-telescope")


@pytest.fixture(scope="session")
def exported(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "onnx"
    export_onnx(bundle, folder)
    return folder
