"""Requests over the socket: the same tracks as files give, in order, whatever is sent; limits, deaths, the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.serve import Client, serve
from tests.reconstruct.toy import DETECTOR, N, save
from tests.serve.conftest import ROOT, SECONDS, Start, stopped, until

HITS = {"x": [0.0, 1.0], "y": [0.0, 1.0], "z": [0.0, 1.0]}


def test_what_is_found_is_what_files_hold(start: Start, place: Path, events: Path, bundle: Path) -> None:
    reconstruct(events, DETECTOR, bundle, place / "out")
    rows = list(read_tracks(place / "out"))
    path = place / "s"
    server = start("--socket", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    source = open_events(events, load_detector(DETECTOR), truth=False)
    with Client(path, SECONDS) as client:
        for event, (number, _, tracks) in zip(source, rows, strict=True):
            answer = client.reconstruct(event)
            assert (answer["ok"], answer["failures"]) == (True, [])
            (told,) = answer["events"]
            assert (told["event"], told["hits"]) == (number, len(event.hits))
            found = told["one-track"]
            assert found["track_id"] == list(range(len(tracks)))
            assert found["q_over_p"] == tracks.q_over_p.tolist()
            assert tracks.hit_id is not None
            assert [i for ids in found["hit_id"] for i in ids] == tracks.hit_id.tolist()
        whole = client.ask(id="f", input=str(events))
        assert [one["event"] for one in whole["events"]] == [row[0] for row in rows]
        written = client.ask(id=7, input=str(events), output=str(place / "answer"))
        assert (written["id"], written["events"][0]["one-track"]) == (7, 1)
        assert written["files"] == {"one-track": str(place / "answer.one-track.parquet")}
        for ours, theirs in zip(read_tracks(written["files"]["one-track"]), rows, strict=True):
            assert ours[:2] == theirs[:2]
            assert ours[2] == theirs[2]
        again = client.ask(input=str(events), output=str(place / "answer"))
        assert "is there already" in again["reason"]
        health = client.health()
        assert (health["requests"], health["restarts"], health["waiting"]) == (N + 3, 0, 0)
        assert 0 < health["latency_seconds"]["p50"] <= health["latency_seconds"]["p99"]
    printed = stopped(server)
    assert "requests" in printed
    assert not path.exists()


WRONG: list[tuple[bytes, str]] = [
    (b"[1]", "is no object"),
    (b"{", "not JSON"),
    (b'{"id": 1, "id": 2, "hits": {}}', "twice"),
    (b'{"id": [1], "input": "/x"}', "id"),
    (b'{"input": "x.parquet"}', "absolute path"),
    (b'{"input": "/x/*.parquet"}', "absolute path"),
    (b'{"input": "/nowhere.parquet"}', "nowhere.parquet"),
    (b'{"input": "/x", "hits": {}}', "two requests"),
    (b'{"hits": {"x": [1], "y": [1]}}', "x, y, z"),
    (b'{"hits": {"x": [1], "y": [1], "z": [1, 2]}}', "hits.z"),
    (b'{"hits": {"x": [1], "y": [true], "z": [1]}}', "no list of numbers"),
    (b'{"hits": {"x": [1], "y": [NaN], "z": [1]}}', "NaN"),
    (b'{"hits": {"x": [1, 2], "y": [1, 2], "z": [1, 2], "hit_id": [3, 3]}}', "twice"),
    (b'{"hits": {"x": [1], "y": [1], "z": [1], "sensor": [99999999999999999999]}}', "too large"),
    (b'{"event": -1, "hits": {"x": [1], "y": [1], "z": [1]}}', "event"),
    (b'{"hits": {"x": [1], "y": [1], "z": [1]}, "output": "/x"}', "only for files"),
    (b'{"hits": {"x": [1], "y": [1], "z": [1]}, "evnt": 3}', "evnt"),
    (b"[" * 100_000, "nested too deep"),
    (b'{"id": "\xff"}', "UTF-8"),
    (json.dumps({"hits": {name: [0.0] * 30 for name in "xyz"}}).encode(), "more than 25"),
]


def test_wrong_requests_are_answered_in_their_place(start: Start, place: Path) -> None:
    start("--socket", place / "s", "--max-hits", 25, "--max-megabytes", 1)
    good = [json.dumps({"id": i, "hits": HITS}).encode() for i in range(len(WRONG))]
    lines = [line for pair in zip([raw for raw, _ in WRONG], good, strict=True) for line in pair]
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(SECONDS)
        raw.connect(str(place / "s"))
        raw.sendall(b"\n".join([*lines, b"", b""]))
        stream = raw.makefile()
        for i, (_, why) in enumerate(WRONG):
            bad, fine = json.loads(stream.readline()), json.loads(stream.readline())
            assert not bad["ok"]
            assert why in bad["reason"], bad
            assert (fine["id"], fine["ok"]) == (i, True)
    with Client(place / "s", SECONDS) as client:
        assert client.health()["restarts"] == 0
        for length in (400_000, 5_000_000):
            client.send({"hits": {"x": [0] * length}})
            client.send({"hits": HITS})
            assert "more than 1,048,576 bytes" in client.receive()["reason"]
            assert client.receive()["ok"]  # what follows a request that is too long


def test_who_sends_too_much_waits_and_loses_nothing(start: Start, place: Path, bundle: Path) -> None:
    save(bundle, seconds=0.01)
    start("--socket", place / "s", "--queue", 2)
    with Client(place / "s", SECONDS) as client, Client(place / "s", SECONDS) as other:
        for i in range(60):  # none of the answers is taken meanwhile
            client.send({"id": i, "event": i, "hits": HITS})
        assert other.health()["waiting"] <= 2
        answers = [client.receive() for _ in range(60)]
        assert [answer["id"] for answer in answers] == list(range(60))
        assert all(answer["ok"] for answer in answers)


@pytest.mark.slow  # the model is loaded four times
def test_events_that_kill_and_hang_cost_their_own_request(start: Start, place: Path, bundle: Path) -> None:
    save(bundle, kill_at=[3], hang_at=[5], fail_at=[7])
    start("--socket", place / "s", "--timeout", 3)
    with Client(place / "s", SECONDS) as client:
        for number in range(9):
            client.send({"id": number, "event": number, "hits": HITS})
        answers = [client.receive() for _ in range(9)]
        assert [answer["id"] for answer in answers] == list(range(9))
        assert [answer["id"] for answer in answers if not answer["ok"]] == [3, 5, 7]
        assert "died of it (SIGKILL)" in answers[3]["reason"]
        assert "longer than 3 s" in answers[5]["reason"]
        assert answers[7]["failures"][0]["error"] == "OverBudget"
        health = client.health()
        assert health["restarts"] == 2
        os.kill(health["worker_pid"], signal.SIGKILL)  # of nothing that was asked: nothing is lost
        until(lambda: not is_running(health["worker_pid"]))
        assert client.ask(hits=HITS)["ok"]
        assert client.health()["restarts"] == 3


def test_sigterm_answers_what_waits(start: Start, place: Path, bundle: Path) -> None:
    save(bundle, seconds=0.3)
    server = start("--socket", place / "s")
    with Client(place / "s", SECONDS) as client:
        for i in range(5):
            client.send({"id": i, "hits": HITS})
        with Client(place / "s", SECONDS) as other:
            until(lambda: other.health()["waiting"] >= 3)
        server.send_signal(signal.SIGTERM)
        answers = [client.receive() for _ in range(5)]
        assert [(answer["id"], answer["ok"]) for answer in answers] == [(i, True) for i in range(5)]
        with pytest.raises(BadInput, match="server left"):
            client.receive()
    out, _ = server.communicate(timeout=SECONDS)
    assert server.returncode == 0
    assert "requests" in out
    assert not (place / "s").exists()


def test_only_one_server_at_a_socket_and_only_where_nobody_else_writes(start: Start, place: Path) -> None:
    path = place / "s"
    first = start("--socket", path)
    worker = health_of(path)["worker_pid"]
    (place / "file").touch()
    (place / "open").mkdir()
    (place / "open").chmod(0o777)
    wrongs: list[tuple[Path | None, str]] = [
        (path, "another server listens there"),
        (place / "file", "is no socket"),
        (place / "open" / "s", r"others may write in it \(mode 0777\)"),
        (place / "nowhere" / "s", "name a folder of your own"),
        (place / ("s" * 120), "may have"),
        (None, "nothing to listen to"),
    ]
    for wrong, why in wrongs:
        with pytest.raises(BadInput, match=why):
            serve(DETECTOR, socket_path=wrong)
    first.kill()  # what it leaves is replaced, and its worker has gone with it
    first.communicate(timeout=SECONDS)
    assert path.exists()
    start("--socket", path)
    assert health_of(path)["ok"]
    until(lambda: not is_running(worker))


def health_of(path: Path) -> dict[str, Any]:
    with Client(path, SECONDS) as client:
        return client.health()


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_client_says_when_there_is_no_server(place: Path) -> None:
    with pytest.raises(BadInput, match="gnnreco serve"):
        Client(place / "nothing")


def test_clients_load_nothing_that_reconstructs() -> None:
    code = "import sys, gnnreco.serve; print({'numba', 'numpy', 'pyarrow', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_script_that_serves_needs_no_guard(place: Path) -> None:
    """The process with the model ran the script again, found a server at the socket, and could not load the model."""
    (place / "script.py").write_text(
        "import os, signal\nfrom gnnreco.serve import serve\nprint('ran')\n"
        "def say(line):\n    print(line.split(':')[0])\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        "print(serve('telescope', 'tracking-telescope', socket_path='s', say=say)['ok'])\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.stdout.split() == ["ran", "ready", "True"], done.stderr
