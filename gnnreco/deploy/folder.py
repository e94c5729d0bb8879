"""Folders of firmware: every file has a sum, the manifest has one too, and nothing is read that differs from its own."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gnnreco import __version__
from gnnreco.atomic import write_file
from gnnreco.deploy.program import ARRAYS, JSON, Program
from gnnreco.deploy.toolchain import package
from gnnreco.errors import BadBundle, BadConfig

FORMAT = 1
MANIFEST = "manifest.json"


def check_folder(folder: Path) -> None:
    """Raise `BadConfig` unless a folder is empty, not there, or a firmware."""
    if folder.exists() and not folder.is_dir():
        raise BadConfig(f"output {folder}: is a file, not a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise BadConfig(f"output {folder}: holds other files; choose a new folder")


def save_folder(folder: Path, content: Mapping[str, bytes], name: str, provenance: Mapping[str, Any]) -> None:
    """Write all files, the manifest last; what an older firmware there had is removed."""
    if (folder / MANIFEST).exists():
        for file in load_manifest(folder)["files"]:
            (folder / file).unlink(missing_ok=True)
        (folder / MANIFEST).unlink()
    for file, data in content.items():
        write_file(folder / file, data)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "kind": "firmware",
        "name": name,
        "gnnreco": __version__,
        "made_with": {tool: package(tool) for tool in ("alkaid", "numpy")},
        "provenance": dict(provenance),
        "files": {
            f: {"bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()} for f, d in sorted(content.items())
        },
    }
    manifest["sha256"] = manifest_sum(manifest)
    write_file(folder / MANIFEST, as_json(manifest))


def load_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a firmware folder; raises `BadBundle` for what is none, or was changed."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise BadBundle(folder, f"{MANIFEST} cannot be read ({error}); is it a firmware folder?") from error
    if (
        not isinstance(manifest, dict)
        or manifest.get("kind") != "firmware"
        or manifest.get("format") != FORMAT
    ):
        raise BadBundle(folder, f"{MANIFEST} is not that of a firmware of this version")
    if manifest.get("sha256") != manifest_sum(manifest):
        raise BadBundle(
            folder, f"{MANIFEST} is not what was written (its sha256 differs); copy the folder again"
        )
    for file in manifest["files"]:
        if Path(file).is_absolute() or ".." in Path(file).parts:
            raise BadBundle(folder, f"{MANIFEST} names '{file}', which lies outside")
    return manifest


def manifest_sum(manifest: Mapping[str, Any]) -> str:
    """Sum over everything but the sum itself."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_files(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Manifest and content of all files of a firmware, once every sum is right.

    Raises
    ------
    BadBundle
        For a file that is missing or was changed, or Verilog beside the sources that nobody vouches for.
    """
    manifest = load_manifest(folder)
    content = {}
    for file, said in manifest["files"].items():
        try:
            content[file] = (folder / file).read_bytes()
        except OSError as error:
            raise BadBundle(
                folder, f"{file} cannot be read ({error.strerror}); copy the folder again"
            ) from error
        if hashlib.sha256(content[file]).hexdigest() != said["sha256"]:
            raise BadBundle(
                folder, f"{file} is not what was written (its sha256 differs); copy the folder again"
            )
    beside = {f.relative_to(folder).as_posix() for f in (folder / "src").rglob("*")} - set(content)
    if beside:
        raise BadBundle(folder, f"{min(beside)} is not in {MANIFEST}; remove it")
    return manifest, content


def program_files(program: Program) -> dict[str, bytes]:
    """Files of a program, by name."""
    with tempfile.TemporaryDirectory(prefix="gnnreco-") as clean:
        program.save(Path(clean))
        return {file: (Path(clean) / file).read_bytes() for file in (JSON, ARRAYS)}


def program_of(content: Mapping[str, bytes], folder: Path) -> Program:
    """The program of a firmware."""
    with tempfile.TemporaryDirectory(prefix="gnnreco-") as clean:
        for file in (JSON, ARRAYS):
            if file not in content:
                raise BadBundle(folder, f"holds no {file}")
            (Path(clean) / file).write_bytes(content[file])
        return Program.load(Path(clean))


def as_json(values: Mapping[str, Any]) -> str:
    """Text of plain values."""
    return json.dumps(values, indent=2, allow_nan=False) + "\n"
