"""The loop: the same bits again and after a stop, on one process or two, and every way it can go wrong."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from gnnreco.bundle import load_bundle
from gnnreco.errors import BadConfig, BadInput
from gnnreco.train import NotFinite, Stopped, TrainConfig, train
from tests.train.toy import ToyTask, events

TOY = Path(__file__).with_name("toy.py")
CONFIG = TrainConfig(epochs=4, learning_rate=0.02, batch=2, seed=3)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "training" / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def bits(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "training" / "metrics.csv").read_bytes(), (folder / "weights.safetensors").read_bytes()


def learn(
    folder: Path, config: TrainConfig = CONFIG, task: ToyTask | None = None, resume: bool = False
) -> ToyTask:
    task = task or ToyTask()
    train(task, events(13), events(5, 1, 100), config, folder, resume=resume)
    return task


def toy(folder: Path, **settings: object) -> list[str]:
    """The words by which the toy is trained in another process."""
    return [str(TOY), str(folder), json.dumps({**dataclasses.asdict(CONFIG), **settings})]


ALONE = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}


def run(folder: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """Train the toy on two processes."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [sys.executable, *torchrun, *toy(folder, **settings)],
        env=ALONE,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_learns_and_saves_a_bundle_that_loads(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, epochs=12)
    steps: list[tuple[str, int, int]] = []
    row = train(
        ToyTask(),
        events(13),
        events(5, 1),
        config,
        tmp_path,
        "the command",
        progress=lambda *step: steps.append(step),
    )
    losses = [float(r["validation_loss"]) for r in rows(tmp_path)]
    assert len(losses) == 12
    assert min(losses) < losses[0] / 2
    assert row["validation_loss"] == min(losses)
    assert losses[row["best_epoch"] - 1] == min(losses)
    assert set(rows(tmp_path)[0]) == {
        "epoch",
        "learning_rate",
        "training_loss",
        "training_miss",
        "validation_loss",
        "validation_miss",
    }
    bundle = load_bundle(tmp_path)
    assert bundle.manifest["training"]["command"] == "the command"
    assert bundle.manifest["metrics"]["validation_loss"] == min(losses)
    assert any(what.startswith("epoch 12") and done == total == 7 for what, done, total in steps)
    assert ("prepare events", 13, 13) in steps


def test_bundle_holds_the_best_epoch_not_the_last(tmp_path: Path) -> None:
    task = learn(tmp_path, dataclasses.replace(CONFIG, learning_rate=0.5, schedule="constant", epochs=8))
    losses = [float(r["validation_loss"]) for r in rows(tmp_path)]
    assert np.argmin(losses) < 7
    task.network.eval()
    from gnnreco.train.samples import Samples

    check = Samples(task, events(5, 1, 100), range(5), None)
    with torch.no_grad():
        assert np.mean([float(task.loss(check[i])[0]) for i in range(5)]) == pytest.approx(
            min(losses), rel=1e-6
        )


def test_same_seed_same_bits_other_seed_other_bits(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        learn(tmp_path / name, dataclasses.replace(CONFIG, seed=seed))
        torch.rand(7)  # what else happens in the process must not matter
    assert bits(tmp_path / "a") == bits(tmp_path / "b")
    assert bits(tmp_path / "a") != bits(tmp_path / "c")


@pytest.mark.parametrize("after", [1, 14, 20, 31])
def test_stopped_and_resumed_is_bit_equal(tmp_path: Path, after: int) -> None:
    learn(tmp_path / "through")
    task, calls = ToyTask(), 0

    def count(number: int) -> None:
        nonlocal calls
        calls += 1
        if calls == after + 1:  # one call is made to learn the names
            os.kill(os.getpid(), signal.SIGTERM)

    task.on_loss = count
    with pytest.raises(Stopped, match="with resume=True"):
        learn(tmp_path / "stopped", task=task)
    assert not (tmp_path / "stopped" / "manifest.json").exists()
    again = learn(tmp_path / "stopped", resume=True)
    assert again.prepared == 0
    assert bits(tmp_path / "through") == bits(tmp_path / "stopped")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_crash_goes_on_from_the_last_checkpoint(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, checkpoint_every=2)
    learn(tmp_path / "through", config)
    task, calls = ToyTask(), 0

    def crash(number: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 29:
            raise MemoryError

    task.on_loss = crash
    with pytest.raises(MemoryError):
        learn(tmp_path / "crashed", config, task)
    learn(tmp_path / "crashed", config, resume=True)
    assert bits(tmp_path / "through") == bits(tmp_path / "crashed")


def test_more_epochs_may_be_added(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, schedule="constant")
    learn(tmp_path / "four", config)
    learn(tmp_path / "two", dataclasses.replace(config, epochs=2))
    learn(tmp_path / "two", config, resume=True)
    assert bits(tmp_path / "four")[0] == bits(tmp_path / "two")[0]
    assert (
        load_file(tmp_path / "four/weights.safetensors")["mean"]
        == load_file(tmp_path / "two/weights.safetensors")["mean"]
    ).all()
    before = bits(tmp_path / "two")
    learn(tmp_path / "two", config, resume=True)  # nothing is left to do
    assert bits(tmp_path / "two") == before


def test_resume_of_another_training_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="without resume=True"):
        learn(tmp_path, resume=True)
    learn(tmp_path)
    with pytest.raises(BadConfig, match=r"train\.seed was 3 and is 4"):
        learn(tmp_path, dataclasses.replace(CONFIG, seed=4), resume=True)
    with pytest.raises(BadConfig, match=r"task\.width was 8 and is 9"):
        learn(tmp_path, task=ToyTask(9), resume=True)
    last = tmp_path / "training" / "last.safetensors"
    last.write_bytes(last.read_bytes()[:100])
    with pytest.raises(BadInput, match="damaged checkpoint"):
        learn(tmp_path, resume=True)


def test_not_a_number_names_the_event(tmp_path: Path) -> None:
    bad = events(13)
    bad[7].hits.x[0] = np.nan
    task = ToyTask()
    task.prepare = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(NotFinite, match="event 7 of toy"):
        train(task, bad, [], CONFIG, tmp_path)
    assert not (tmp_path / "manifest.json").exists()


def test_infinite_gradient_stops_before_the_weights_change(tmp_path: Path) -> None:
    task = ToyTask()
    next(task.network.parameters()).register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(
        NotFinite, match=r"the gradient is not finite in epoch 1 at event \d+ of toy, event \d+"
    ):
        learn(tmp_path, task=task)
    assert all(torch.isfinite(p).all() for p in task.network.parameters())


def test_early_stop(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, learning_rate=0.5, schedule="constant", epochs=50, patience=3)
    learn(tmp_path, config)
    losses = [float(r["validation_loss"]) for r in rows(tmp_path)]
    assert len(losses) == np.argmin(losses) + 1 + 3 < 50


def test_cache_is_used_again_and_not_when_it_would_be_wrong(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, cache=str(tmp_path / "cache"))
    memory, first, second = (
        learn(tmp_path / "a"),
        learn(tmp_path / "b", config),
        learn(tmp_path / "c", config),
    )
    assert (memory.sampled, first.sampled, second.sampled) == (18, 18, 0)
    assert bits(tmp_path / "a") == bits(tmp_path / "b") == bits(tmp_path / "c")
    damaged = sorted((tmp_path / "cache").iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:20])
    assert learn(tmp_path / "d", config).sampled == 1
    other = ToyTask()
    train(other, events(13, seed=5), [], config, tmp_path / "e")
    assert other.sampled == 13


def test_events_must_be_there_and_have_truth(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="too few"):
        train(ToyTask(), [], [], CONFIG, tmp_path)
    with pytest.raises(BadInput, match="event 0: has no truth"):
        train(ToyTask(), [dataclasses.replace(events(1)[0], truth=None)], [], CONFIG, tmp_path)


def test_settings_are_checked() -> None:
    for wrong in ({"epochs": 0}, {"learning_rate": -1.0}, {"batch": 0}, {"clip": -1.0}):
        with pytest.raises(BadConfig, match=next(iter(wrong))):
            TrainConfig(**wrong)  # type: ignore[arg-type]
    for schedule, ends in (("constant", 1.0), ("cosine", 1e-2), ("one_cycle", 1e-3)):
        config = TrainConfig(learning_rate=1.0, schedule=schedule)  # type: ignore[arg-type]
        assert config.rate(1.0) == pytest.approx(ends)
        assert max(config.rate(i / 100) for i in range(101)) == pytest.approx(1.0)


def test_bfloat16_learns(tmp_path: Path) -> None:
    learn(tmp_path, dataclasses.replace(CONFIG, precision="bf16", epochs=8))
    losses = [float(r["validation_loss"]) for r in rows(tmp_path)]
    assert min(losses) < losses[0]
    assert load_file(tmp_path / "weights.safetensors")["network.0.weight"].dtype == np.float32


@pytest.mark.slow
def test_two_processes_learn_the_same_as_each_other_and_resume(tmp_path: Path) -> None:
    through = run(tmp_path / "through")
    assert through.returncode == 0, through.stderr
    assert len(rows(tmp_path / "through")) == 4
    assert float(rows(tmp_path / "through")[-1]["validation_loss"]) < float(
        rows(tmp_path / "through")[0]["validation_loss"]
    )
    stopped = run(tmp_path / "stopped", stop_after=10)
    assert stopped.returncode != 0
    assert "go on with resume=True" in stopped.stderr
    again = run(tmp_path / "stopped", resume=True)
    assert again.returncode == 0, again.stderr
    assert bits(tmp_path / "through") == bits(tmp_path / "stopped")
    with pytest.raises(BadConfig, match="processes was 2 and is 1"):
        learn(tmp_path / "stopped", resume=True)


def test_two_processes_average_gradients(tmp_path: Path) -> None:
    """One batch of all events an epoch: the same sums as a single process, whatever the order.

    The environment says what torchrun would say, which is one process less to start.
    """
    config: dict[str, Any] = {"batch": 13, "clip": 0.0, "epochs": 2}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ring = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    words = [sys.executable, *toy(tmp_path / "two", dropout=0.0, **config)]
    both = [
        subprocess.Popen(words, env={**ALONE, **ring, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    learn(tmp_path / "one", dataclasses.replace(CONFIG, **config), ToyTask(dropout=0.0))
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    for name in one:
        np.testing.assert_allclose(one[name], two[name], atol=1e-5)
