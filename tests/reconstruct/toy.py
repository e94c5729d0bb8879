"""A task that needs no training, and small events for it."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.bundle import save_bundle
from gnnreco.columns import Event, Hits, Tracks
from gnnreco.errors import OverBudget
from gnnreco.events.tracks_file import COLUMNS
from gnnreco.geometry import load_detector
from gnnreco.tasks import registry
from gnnreco.tasks.contract import Needs

DETECTOR = "telescope"
N = 20


@dataclass(frozen=True)
class Settings:
    fail_at: tuple[int, ...] = ()
    kill_at: tuple[int, ...] = ()
    exit_at: tuple[int, ...] = ()
    hang_at: tuple[int, ...] = ()
    eat_at: tuple[int, ...] = ()
    seconds: float = 0.0
    #: Events are slow or deadly only where this file exists; where processes exit they leave a sign in it.
    deadly: str = ""


@dataclass
class OneTrack:
    """A task that puts all hits of an event in one track, and fails where it is told to."""

    settings: Settings
    needs = Needs(("position",))
    gives = Tracks

    @classmethod
    def from_config(cls, settings: Settings, detector: Any) -> OneTrack:
        return cls(settings)

    @classmethod
    def arrays(cls, settings: Settings, detector: Any) -> None:
        """Nothing is learned, nothing is checked."""

    def tally(self, event: Event, tracks: Tracks) -> dict[str, int]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        self.calls = 0

    def reconstruct(self, event: Event) -> Tracks:
        if not self.settings.deadly or Path(self.settings.deadly).exists():
            time.sleep(self.settings.seconds)
            self._harm(event.number)
        if event.number in self.settings.fail_at:
            raise OverBudget(event.number, "edges", 1000, 10)
        n = len(event.hits)
        numbers = {name: np.array([event.hits.x.sum()]) for name in COLUMNS.values()}
        return Tracks(np.array([0, n]), np.arange(n), covariance=np.ones((1, 15)), **numbers)

    def _harm(self, number: int) -> None:
        """Harm the process in the way that is due at this event."""
        if number in self.settings.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if number in self.settings.exit_at:
            with Path(self.settings.deadly).open("a") as deaths:
                deaths.write("+")
            os._exit(3)
        if number in self.settings.hang_at:
            time.sleep(600)
        if number in self.settings.eat_at:
            np.ones(2**31)  # 16 GiB


KIND = registry.Kind(OneTrack.needs, OneTrack.gives, lambda: (OneTrack, Settings))


def event(number: int, n_hits: int) -> Event:
    detector = load_detector(DETECTOR)
    sensor = (np.arange(n_hits) * 7 + number) % detector.n_sensors
    x, y, z = detector.center[sensor].T
    return Event(number, "", Hits(np.arange(n_hits) + 1, x, y, z, sensor.astype(np.int32)))


def save(folder: Path, **config: Any) -> Path:
    save_bundle(folder, "one-track", config, {"w": np.ones(2)}, load_detector(DETECTOR), {}, {})
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("shard-*")}
