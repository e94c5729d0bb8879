"""The templates for batch systems call the program as it wants to be called."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from gnnreco.cli import build_parser

BATCH = Path(__file__).parents[2] / "scripts" / "batch"


def test_each_task_of_a_slurm_array_does_its_part(tmp_path: Path) -> None:
    fake = tmp_path / "gnnreco"
    fake.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    done = subprocess.run(
        [
            "bash",
            BATCH / "slurm.sh",
            "100",
            "/data/run 7",
            "trackml",
            "tracking-trackml",
            "out",
            "--redo-failed",
        ],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "17"},
        capture_output=True,
        text=True,
        check=True,
    )
    args = build_parser().parse_args(done.stdout.splitlines())
    assert (args.input, args.shard, args.resume, args.redo_failed) == (["/data/run 7"], (17, 100), True, True)
    # After the first command Slurm reads no more of its lines.
    text = (BATCH / "slurm.sh").read_text()
    assert text.rindex("#SBATCH") < text.index("set -eu")


def test_each_process_of_htcondor_does_its_part() -> None:
    text = (BATCH / "htcondor.sub").read_text()
    given = {
        "input": "/data/run 7",
        "detector": "odd",
        "bundle": "b",
        "folder": "out",
        "parts": "9",
        "Process": "3",
    }
    (line,) = re.findall(r'^arguments = "(.*)"$', text, re.MULTILINE)
    words = shlex.split(re.sub(r"\$\((\w+)\)", lambda name: given[name[1]], line))
    args = build_parser().parse_args(words)
    assert (args.input, args.shard, args.resume) == (["/data/run 7"], (3, 9), True)


def test_htcondor_takes_it() -> None:
    htcondor = pytest.importorskip("htcondor2")
    submit = htcondor.Submit((BATCH / "htcondor.sub").read_text())
    assert submit.expand("kill_sig") == "SIGTERM"
