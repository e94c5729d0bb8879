"""The files of a bundle as bytes: a manifest that sums up the others, read by its types; settings in strict YAML."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gnnreco import __version__
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.files.atomic import write_file
from gnnreco.files.json_file import parse_json
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.files.limits import MANIFEST_BYTES, TENSOR_BYTES
from gnnreco.schema import build

FORMAT = 1
MANIFEST, CONFIG, WEIGHTS = "manifest.json", "config.yaml", "weights.safetensors"
#: Folders in front of a name, from the root or from a home: not of an address, nor within a word.
PLACE = re.compile(
    r"(?<![\w.~:/-])(?:~|[A-Za-z]:)?[/\\](?=[\w.~])(?:[^\s,\[\]{}'\"=:]*[/\\](?=[^\s,\[\]{}'\"=:]))?"
)
T = TypeVar("T")


@dataclass(frozen=True)
class FileSum:
    """What a manifest says of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class TrainedOn:
    """The detector that a model was trained on."""

    name: str
    hash: str


@dataclass(frozen=True)
class Manifest:
    """What every manifest of a bundle holds; it may hold more."""

    format: int
    task: str
    gnnreco: str
    detector: TrainedOn
    training: JsonDict
    metrics: JsonDict
    files: dict[str, FileSum]
    sha256: str


def read_manifest(folder: Path) -> JsonDict:
    """The manifest of a bundle as plain values, its sum and all its types right; `BadBundle` if not."""
    manifest = summed(folder, read_file(folder, MANIFEST, MANIFEST_BYTES))
    if "target" in manifest:
        raise BadBundle(
            folder,
            f"was deployed for '{manifest['target']}'; use it with engine='onnx', or the folder in bundle/ in it",
        )
    if "format" not in manifest:
        raise BadBundle(folder, f"{MANIFEST} is not the manifest of a bundle")
    if manifest["format"] != FORMAT:
        raise BadBundle(
            folder, f"has format {manifest['format']!r}; gnnreco {__version__} reads format {FORMAT}"
        )
    check_sum(folder, manifest)
    said = typed(Manifest, manifest, folder)
    # Names are fixed, so a manifest cannot point outside its folder.
    if set(said.files) != {CONFIG, WEIGHTS}:
        raise BadBundle(folder, f"{MANIFEST} must list {CONFIG} and {WEIGHTS}, nothing else")
    return manifest


def summed(folder: Path, data: bytes) -> JsonDict:
    """A manifest as plain values, before its sum is looked at."""
    try:
        manifest = parse_json(data, MANIFEST)
    except BadInput as error:
        raise BadBundle(folder, f"{error}; copy the folder again") from error
    if not isinstance(manifest, dict):
        raise BadBundle(folder, f"{MANIFEST} holds no values by name; copy the folder again")
    return manifest


def check_sum(folder: Path, manifest: JsonMapping) -> None:
    """Raise `BadBundle` unless a manifest holds its own sum."""
    if manifest.get("sha256") != manifest_sum(manifest):
        raise BadBundle(
            folder, f"{MANIFEST} is not what was written (its sha256 differs); copy the folder again"
        )


def typed(kind: type[T], values: Any, folder: Path, file: str = MANIFEST) -> T:
    """Plain values of a file as the dataclass `kind`; `BadBundle` that names the file and the key that does not fit."""
    try:
        return build(kind, values, "", others=True)
    except BadConfig as error:
        raise BadBundle(folder, f"{file}: {error}; it was not written by gnnreco: write it again") from error


def without_places(values: Any) -> Any:
    """Plain values whose texts name files and bundles, not where they lay on the machine that wrote them."""
    if isinstance(values, Mapping):
        return {key: without_places(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [without_places(value) for value in values]
    return PLACE.sub("", values) if isinstance(values, str) else values


def read_file(folder: Path, name: str, most: int = TENSOR_BYTES) -> bytes:
    """Content of a file of a bundle; `BadBundle` if it is missing or has more bytes than `most`."""
    try:
        with (folder / name).open("rb") as file:
            # Room is made for as much as is asked for, so no more than there is.
            data = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
    except FileNotFoundError as error:
        raise BadBundle(folder, f"{name} is missing; copy the bundle again") from error
    except OSError as error:
        raise BadBundle(folder, f"{name} cannot be read ({error.strerror})") from error
    if len(data) > most:
        raise BadBundle(folder, f"{name} has more than {most:,} bytes, which none that gnnreco wrote has")
    return data


def check_file(folder: Path, name: str, data: bytes, said: JsonMapping) -> None:
    """Raise `BadBundle` unless the content of a file is what a manifest says of it."""
    if len(data) != said["bytes"] or sha256(data) != said["sha256"]:
        raise BadBundle(folder, f"{name} is not what was written (its sha256 differs); copy the folder again")


def read_settings(folder: Path, data: bytes) -> JsonDict:
    """The settings of a bundle; `BadBundle` for what is no strict YAML."""
    try:
        config = _Strict(data).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadBundle(folder, f"{CONFIG} cannot be read: {error or 'it is nested too deep'}") from error
    if not isinstance(config, dict) or not all(isinstance(key, str) for key in config):
        raise BadBundle(folder, f"{CONFIG} holds no settings by name")
    return config


class _Strict(yaml.SafeLoader):
    """YAML without a key twice and without aliases, which can stand for more than memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(
                f"line {self.peek_event().start_mark.line + 1} holds an alias (*); write it out"
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen if isinstance(key.value, str) else False:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1} holds the key '{key.value}' again")
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def write_folder(folder: Path, content: Mapping[str, bytes]) -> None:
    """Replace file by file, the manifest last: a bundle without one is known not to be whole."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for name, data in content.items():
        write_file(folder / name, data)


def manifest_sum(manifest: JsonMapping) -> str:
    """Sum over everything but the sum itself, written in the one way JSON can be sorted and packed."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())


def sha256(data: bytes) -> str:
    """Sum of bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
