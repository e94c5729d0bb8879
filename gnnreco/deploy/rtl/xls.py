"""A program compiled by XLS, which shares nothing with a simulator of Verilog, in a confined process of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from gnnreco.columns import Floats
from gnnreco.deploy.program.program import Program
from gnnreco.deploy.program.symbols import trace
from gnnreco.deploy.toolchain import run

SECONDS = 900.0
VALUES, ANSWERS = "values.npy", "answers.npy"


def xls_answers(program: Program, values: Floats, levels: int) -> Floats:
    """Answers to events as numbers, one row each. Raises `ToolFailed` after `SECONDS`."""
    with tempfile.TemporaryDirectory(prefix="gnnreco-") as clean:
        folder = Path(clean)
        program.save(folder)
        np.save(folder / VALUES, values)
        modules = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        run([sys.executable, "-m", __name__, str(levels)], folder, SECONDS, modules, name="XLS")
        answers: Floats = np.load(folder / ANSWERS)
    return answers


def _main() -> None:
    """Compile the program of this folder and answer its values."""
    from alkaid.codegen.xls import XLSModel

    logic = trace(Program.load(Path()), int(sys.argv[1]))
    np.save(ANSWERS, XLSModel(logic, "core").jit().predict(np.load(VALUES)))


if __name__ == "__main__":
    _main()
