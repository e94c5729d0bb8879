"""The templates for batch systems call the program as it wants to be called."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gnnreco.cli import build_parser
from gnnreco.events import write_events
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import list_detectors, load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.integrity import verify
from tests.reconstruct.toy import event

ROOT = Path(__file__).parents[2]
BATCH = ROOT / "scripts" / "batch"


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


def test_the_container_copies_what_is_there_and_installs_extras_that_exist() -> None:
    text = (BATCH / "Containerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for word in line.split()]
    assert "gnnreco" in copied
    assert all((ROOT / name).exists() for name in copied)
    (extras,) = re.findall(r"'\.\[(.*)\]'", text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    (detectors,) = re.findall(r'^ARG DETECTORS="(.*)"$', text, re.MULTILINE)
    assert set(detectors.split()) <= set(list_detectors())


@pytest.fixture
def slurm() -> Iterator[dict[str, str]]:
    """The environment in which `sbatch` and others speak to a Slurm of this machine alone."""
    if os.geteuid() != 0 or shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("a Slurm of this machine needs root, and: apt-get install slurm-wlm munge")
    program, folder = BATCH / "slurm_here.sh", Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # munge wants all to reach its socket
    subprocess.run(
        [program, "start", folder], check=True, env={**os.environ, "CPUS": "2"}, stdout=subprocess.DEVNULL
    )
    place = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    try:
        yield {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path, "PYTHONPATH": place}
    finally:
        subprocess.run([program, "stop", folder], check=True)
        shutil.rmtree(folder)


@pytest.mark.slow
def test_an_array_of_slurm_that_is_stopped_and_killed_goes_on(slurm: dict[str, str], tmp_path: Path) -> None:
    events, out, n = tmp_path / "events", tmp_path / "out", 3000
    write_events((event(i, 40) for i in range(n)), events, detector=load_detector("telescope"))
    reconstruct(events, "telescope", "tracking-telescope", tmp_path / "peace")

    def slurm_says(*words: str) -> str:
        return subprocess.run(
            words, env=slurm, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    array = ("sbatch", "--parsable", "--array=0-1", str(BATCH / "slurm.sh"), "2")
    array += (str(events), "telescope", "tracking-telescope", str(out))
    job = slurm_says(*array).strip()
    end = time.monotonic() + 600
    while len(list(out.glob("shard-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.1)
    slurm_says("scancel", "--batch", "--signal=TERM", f"{job}_0")
    slurm_says("scancel", "--full", "--signal=KILL", f"{job}_1")
    while slurm_says("squeue", "-h").strip() and time.monotonic() < end:
        time.sleep(0.5)
    assert not (out / "manifest.json").exists()
    assert "go on with --resume" in (tmp_path / f"slurm-{job}_0.out").read_text()
    slurm_says("sbatch", "--wait", *array[2:])
    told = verify(out)
    assert (told["whole"], told["events_in"], told["events_out"]) == (True, n, n)
    assert {f.name for f in out.glob("shard-*")} >= {"shard-00000000.parquet", "shard-00001500.parquet"}
    assert (
        [row[0] for row in read_tracks(out)]
        == [row[0] for row in read_tracks(tmp_path / "peace")]
        == list(range(n))
    )
