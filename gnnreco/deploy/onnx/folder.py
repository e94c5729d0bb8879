"""Folders of trigger programs as ONNX: the checks of what they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.deploy.export import REPORT, VECTORS
from gnnreco.deploy.folder import FolderManifest, versions
from gnnreco.deploy.program.check import check_program
from gnnreco.deploy.program.program import Program
from gnnreco.deploy.proof.checks import SOURCES, Check, check_files, equal, parts
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.files.json_file import parse_json
from gnnreco.files.limits import VECTORS as MOST
from gnnreco.files.tensor_file import parse_tensors
from gnnreco.schema import build

from .program import HOLDS, MODEL, make_onnx_program

Inputs = tuple[Floats, NDArray | None]


@dataclass(frozen=True)
class Report:
    """``report.json``, as far as it is proved."""

    precision: str
    vectors: int


class OnnxFolder:
    """A folder whose sums are right, and the checks of what it holds.

    Parameters
    ----------
    folder : path
    manifest, content
        See `gnnreco.deploy.folder.read_files`.
    extra : (n, [slots,] features), (n, slots), optional
        More inputs, as they come from the detector, besides the vectors.
    trust : bool
        Run a model that is not that of the program.

    Raises
    ------
    BadBundle
        If the folder holds no whole program.
    """

    def __init__(
        self,
        folder: Path,
        manifest: FolderManifest,
        content: Mapping[str, bytes],
        extra: Inputs | None = None,
        trust: bool = False,
    ) -> None:
        self.manifest, self.content, self.trust = manifest, content, trust
        self.program = program = Program.parse(content, folder)
        file = REPORT
        try:
            self.report = build(Report, parse_json(content[REPORT], REPORT), others=True)
            if self.report.precision not in HOLDS:
                raise BadConfig(f"setting 'precision': must be {' or '.join(HOLDS)}")
            file = VECTORS
            tensors = parse_tensors(content[VECTORS], VECTORS)
            self.x, self.said = tensors["x"], tensors["answers"]
            self.valid = tensors["valid"] if program.slots else None
        except KeyError as error:
            raise BadBundle(folder, f"holds no {error}; deploy the trained bundle again") from error
        except (BadConfig, BadInput) as error:
            raise BadBundle(folder, f"{file}: {error}; deploy the trained bundle again") from error
        n, wanted = len(self.x) if self.x.ndim else 0, (program.slots,) if program.slots else ()
        arrays = [self.x, self.said, *([] if self.valid is None else [self.valid])]
        if (
            not 0 < n <= MOST
            or self.x.shape != (n, *wanted, program.features)
            or self.said.shape[:1] != (n,)
            or (
                self.valid is not None
                and (self.valid.shape != (n, *wanted) or not np.isin(self.valid, (0, 1)).all())
            )
            or not all(a.dtype.kind == "f" and np.isfinite(a).all() for a in arrays)
        ):
            raise BadBundle(folder, f"{VECTORS}: do not fit the program; deploy the trained bundle again")
        self.more_x, self.more_valid = self.x, self.valid
        if extra is not None:
            self.more_x = np.concatenate([self.x, extra[0]])
            self.more_valid = (
                None if self.valid is None else np.concatenate([self.valid, np.asarray(extra[1])])
            )
        size = check_program(program)
        self.parts = parts(len(self.more_x), size)
        self.answers = np.concatenate([program.answer(program.ported(x), on) for x, on in self._parts()])

    @property
    def vectors_as_given(self) -> tuple[Floats, NDArray | None, Floats]:
        """Vectors as numbers: what comes from the detector, which slots are filled, what the folder says."""
        return self.x, self.valid, self.said

    def checks(self) -> dict[str, Callable[[], Check]]:
        """Every check but those that all targets share, in order."""
        return {"vectors": self.vectors, SOURCES: self.sources, "ONNX Runtime": self.runtime}

    def vectors(self) -> Check:
        """The program gives the answers of the vectors."""
        n = len(self.x)
        ok, detail = equal(self.answers[:n].reshape(n, -1), self.said.reshape(n, -1))
        return ok, f"answers of the program and of the vectors: {detail}"

    @cached_property
    def made(self) -> bytes:
        """The model of the program, without its metadata."""
        return make_onnx_program(self.program, {}, self.report.precision)[0]

    def sources(self) -> Check:
        """The model is what the program gives; its metadata, which nothing runs, may say what they like."""
        kept = {f: data for f, data in self.content.items() if f not in (REPORT, VECTORS)}
        try:
            found = onnx.load_model_from_string(kept.get(MODEL, b""))
        except DecodeError:
            return False, f"{MODEL} is no file of ONNX"
        del found.metadata_props[:]
        mine = onnx.load_model_from_string(self.made)
        if found.producer_version != mine.producer_version and not self.trust:
            mine.producer_version = found.producer_version  # of gnnreco, which runs nothing either
        kept[MODEL] = found.SerializeToString(deterministic=True)
        made = {MODEL: mine.SerializeToString(deterministic=True)} | self.program.files()
        return check_files(kept, made, self.manifest.made_with, versions("onnx"), self.trust)

    def runtime(self) -> Check:
        """ONNX Runtime on the model that was made again, or else the folder's own on trust."""
        try:
            import onnxruntime
        except ImportError:
            return None, "needs onnxruntime: pip install 'gnnreco[deploy]'"
        same = self.sources()[0]
        if same is False:
            return None, "not run: see sources"
        session = onnxruntime.InferenceSession(
            self.made if same else self.content[MODEL], providers=["CPUExecutionProvider"]
        )
        found = []
        for x, on in self._parts():
            feed = {"x": x.astype(self.report.precision)}
            feed |= {} if on is None else {"valid": on.astype(self.report.precision)}
            found.append(session.run(None, feed)[0])
        n = len(self.more_x)
        return equal(np.concatenate(found).reshape(n, -1), self.answers.reshape(n, -1))

    def _parts(self) -> list[Inputs]:
        on = self.more_valid
        return [(self.more_x[p], None if on is None else on[p]) for p in self.parts]
