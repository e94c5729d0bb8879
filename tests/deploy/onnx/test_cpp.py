"""The C++ of the examples reads the exported file and gives the bytes that Python gives."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from gnnreco.bundle.onnx import load_onnx, network_weights
from gnnreco.deploy.onnx.parity import random_graph

SOURCE = Path(__file__).parents[3] / "scripts" / "examples" / "onnx_tracking.cpp"
HEADER = "onnxruntime_cxx_api.h"
LIBRARY = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"), None)


def headers() -> Path | None:
    """Where Debian's libonnxruntime-dev, a release archive or ``ONNXRUNTIME_INCLUDE`` have the header."""
    places = [
        os.environ.get("ONNXRUNTIME_INCLUDE", ""),
        "/usr/include/onnxruntime",
        "/usr/local/include/onnxruntime",
    ]
    places += ["/usr/include/onnxruntime/core/session", "/usr/local/include"]
    return next((Path(place) for place in places if place and (Path(place) / HEADER).exists()), None)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler, include = shutil.which("c++") or shutil.which("g++"), headers()
    if compiler is None or include is None or LIBRARY is None:
        pytest.skip(
            f"{HEADER} is not here: it is in no package of PyPI or npm; Debian 13 has libonnxruntime-dev"
        )
    folder = tmp_path_factory.mktemp("cpp")
    out, link = folder / "onnx_tracking", [str(LIBRARY), f"-Wl,-rpath,{folder}"]
    (folder / "libonnxruntime.so.1").symlink_to(LIBRARY)  # the name that the wheel's library calls itself by
    command = [
        compiler,
        "-O1",
        "-std=c++17",
        "-Wall",
        "-isystem",
        str(include),
        str(SOURCE),
        *link,
        "-o",
        str(out),
    ]
    subprocess.run(command, check=True)
    return out


@pytest.mark.parametrize(("n", "m"), [(500, 4000), (3, 0), (0, 0)])
def test_gives_the_bytes_of_python(program: Path, exported: Path, tmp_path: Path, n: int, m: int) -> None:
    read = load_onnx(exported)
    nodes, edges, pairs = graph = random_graph(network_weights(read.bundle), n, m)
    head = np.array([n, nodes.shape[1], m, edges.shape[1]], np.int64)
    ends = pairs.T.astype(np.int64)
    (tmp_path / "graph").write_bytes(head.tobytes() + nodes.tobytes() + edges.tobytes() + ends.tobytes())
    command = [program, exported / "model-one-thread.onnx", tmp_path / "graph", tmp_path / "logits"]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "logits").read_bytes() == read.network(1).logits(*graph).tobytes()


def test_a_graph_that_ends_too_soon_is_an_error(program: Path, exported: Path, tmp_path: Path) -> None:
    (tmp_path / "graph").write_bytes(np.array([5, 2, 5, 2], np.int64).tobytes())
    command = [program, exported / "model-one-thread.onnx", tmp_path / "graph", tmp_path / "logits"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ends too soon" in done.stderr
