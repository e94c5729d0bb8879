"""The small whole detector."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gnnreco.geometry import Detector, load_detector
from tests.tasks.particleflow.whole import WHOLE


@pytest.fixture(scope="session")
def detector(detector_folder: Callable[..., Path]) -> Detector:
    return load_detector(detector_folder("whole", WHOLE, 2))
