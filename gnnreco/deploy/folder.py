"""Deployed folders of every target: each file has a sum, the manifest too, and nothing is read that differs from its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gnnreco import __version__
from gnnreco.bundle.files import (
    MANIFEST,
    FileSum,
    check_file,
    check_sum,
    manifest_sum,
    read_file,
    sha256,
    summed,
    typed,
)
from gnnreco.errors import BadBundle, BadConfig
from gnnreco.files.atomic import refuse, write_file
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.files.limits import FILES, MANIFEST_BYTES

from .toolchain import package

FORMAT = 1
#: Packages whose versions decide what is written.
MAKERS = ("alkaid", "hls4ml", "numpy", "onnx")
LEFT_BY_TOOLS = {".rpt", ".log", ".jou", ".dcp", ".pb", ".html"}


def check_folder(folder: Path, overwrite: bool = False) -> None:
    """Raise `BadConfig` unless a folder is empty or not there; one that was deployed may be there if it may be replaced."""
    if folder.exists() and not folder.is_dir():
        raise BadConfig(f"output {folder}: is a file, not a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise BadConfig(f"output {folder}: holds other files; choose a new folder")
    refuse(folder / MANIFEST, overwrite)
    if (folder / MANIFEST).exists():
        load_manifest(folder)  # what is not ours is not replaced


def save_folder(folder: Path, content: Mapping[str, bytes], name: str, provenance: JsonMapping) -> None:
    """Write all files, the manifest last; what an older firmware there had is removed."""
    if (folder / MANIFEST).exists():
        for file in load_manifest(folder).files:
            if (folder / file).resolve().is_relative_to(folder.resolve()):  # no link leads out of it
                (folder / file).unlink(missing_ok=True)
        (folder / MANIFEST).unlink()
    for file, data in content.items():
        write_file(folder / file, data)
    manifest: JsonDict = {
        "format": FORMAT,
        "kind": "firmware",
        "name": name,
        "made_with": versions(*MAKERS),
        "provenance": dict(provenance),
        "files": {f: {"bytes": len(d), "sha256": sha256(d)} for f, d in sorted(content.items())},
    }
    manifest["sha256"] = manifest_sum(manifest)
    write_file(folder / MANIFEST, as_json(manifest))


@dataclass(frozen=True)
class Provenance:
    """The trained bundle that a folder says it was made from; `operations` where it is a part of a graph's program."""

    bundle: str
    sha256: str
    operations: list[int] | None = None


@dataclass(frozen=True)
class FolderManifest:
    """What the manifest of a deployed folder holds; it may hold more.

    Attributes
    ----------
    name : str
        Of the top module.
    made_with : dict
        Versions of the packages that generated it, by name.
    """

    format: int
    kind: str
    name: str
    made_with: dict[str, str | None]
    provenance: Provenance
    files: dict[str, FileSum]
    sha256: str


def load_manifest(folder: Path) -> FolderManifest:
    """The manifest of a deployed folder; raises `BadBundle` for what is none, or was changed."""
    values = summed(folder, read_file(folder, MANIFEST, MANIFEST_BYTES))
    if values.get("kind") != "firmware" or values.get("format") != FORMAT:
        raise BadBundle(
            folder, f"{MANIFEST} is not that of what `deploy -o` of this version writes; name another folder"
        )
    check_sum(folder, values)
    manifest = typed(FolderManifest, values, folder)
    if len(manifest.files) > FILES:
        raise BadBundle(folder, f"{MANIFEST} lists {len(manifest.files):,} files; at most {FILES:,} are read")
    for file in manifest.files:
        parts = Path(file).parts
        if (
            not parts
            or Path(file).is_absolute()
            or ".." in parts
            or "\0" in file
            or Path(file).as_posix() != file
        ):
            raise BadBundle(folder, f"{MANIFEST} names '{file}', which lies outside or is no plain name")
    return manifest


def read_files(folder: Path) -> tuple[FolderManifest, dict[str, bytes]]:
    """Manifest and content of all files of a deployed folder, once every sum is right.

    Raises
    ------
    BadBundle
        For a file that is missing or was changed, or one that the manifest does not know: somebody could run it. What a
        vendor's tool leaves in ``vendor`` may be there, unless it is a script.
    """
    if not folder.is_dir():
        raise BadBundle(folder, "is no folder; name what `deploy -o` wrote")
    manifest = load_manifest(folder)
    content = {}
    for file, said in manifest.files.items():
        if (folder / file).is_symlink() or not (folder / file).resolve().is_relative_to(folder.resolve()):
            raise BadBundle(folder, f"{file} is a link; copy the folder again")
        content[file] = read_file(folder, file)
        check_file(folder, file, content[file], asdict(said))
    for path in sorted(folder.rglob("*")):
        file = path.relative_to(folder).as_posix()
        left = file.startswith("vendor/") and path.suffix in LEFT_BY_TOOLS
        if not path.is_dir() and file not in content and file != MANIFEST and not left:
            raise BadBundle(folder, f"{file} is not in {MANIFEST}; remove it")
    return manifest, content


def versions(*packages: str) -> dict[str, str | None]:
    """Versions of gnnreco and of packages, as they are here."""
    return {"gnnreco": __version__} | {name: package(name) for name in packages}


def as_json(values: JsonMapping) -> str:
    """Text of plain values."""
    return json.dumps(values, indent=2, allow_nan=False) + "\n"
