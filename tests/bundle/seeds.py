"""Small sound bundles and firmware folders: what `mutant` damages, in ``scripts/fuzz.py``; sums are made right again."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gnnreco.bundle import SHIPPED, load_bundle, load_task
from gnnreco.deploy.budget import Budget
from gnnreco.deploy.export import export
from gnnreco.deploy.folder import manifest_sum, read_files
from gnnreco.deploy.program.program import Program
from gnnreco.errors import BadInput
from gnnreco.files.json_file import parse_json
from gnnreco.geometry import load_detector

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Seed:
    """A folder with a manifest, and the file of it that is damaged."""

    name: str
    files: dict[str, bytes]
    open: Callable[[Path], object]

    @property
    def content(self) -> bytes:
        return self.files[self.name]

    def read(self, folder: Path, content: bytes) -> int:
        """Write the folder with this content in it, as a forger would, and read it; only `GnnrecoError` may come out."""
        shutil.rmtree(folder)
        for name, data in (self.files | {self.name: content} | {MANIFEST: self._manifest(content)}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        self.open(folder)
        return 1

    def _manifest(self, content: bytes) -> bytes:
        text = content if self.name == MANIFEST else self.files[MANIFEST]
        try:
            manifest = parse_json(text, MANIFEST)
            if self.name != MANIFEST:
                manifest["files"][self.name] = {
                    "bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
            manifest["sha256"] = manifest_sum(manifest)
            return json.dumps(manifest).encode()
        except (BadInput, TypeError, KeyError, ValueError):
            return text


def _files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def _open_bundle(detector: str | None, folder: Path) -> None:
    load_task(load_bundle(folder), load_detector(detector) if detector else None)


def _open_firmware(folder: Path) -> None:
    read_files(folder)
    Program.load(folder)


@functools.cache
def seeds() -> dict[str, Seed]:
    """All of them, by name."""
    found = {}
    for bundle, detector in (("tracking-telescope", "telescope"), ("jet-tagger", None)):
        files = _files(SHIPPED / bundle)
        opener = functools.partial(_open_bundle, detector)
        found |= {f"{bundle}/{name}": Seed(name, files, opener) for name in files}
    with tempfile.TemporaryDirectory() as folder:
        # Yosys would take minutes to count what nothing here reads.
        export("jet-tagger", "rtl", Path(folder) / "out", Budget(), synthesis_s=0.0)
        files = _files(Path(folder) / "out")
    names = (MANIFEST, "program.json", "program.safetensors")
    return found | {f"firmware/{name}": Seed(name, files, _open_firmware) for name in names}
