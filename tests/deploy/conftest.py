"""One export, made once for all tests of the deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnreco.bundle import Bundle, load_bundle
from gnnreco.deploy.onnx.export import export_onnx


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return load_bundle("tracking-telescope")


@pytest.fixture(scope="session")
def exported(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "onnx"
    export_onnx(bundle, folder)
    return folder
