"""Small detectors made on the spot: parallel planes, and a ring of tilted sensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gnnreco.geometry import CellTemplate, ConstantField, Detector, Field, GridTemplate, Subsystem
from gnnreco.simulate import SimulationOptions

QUIET = SimulationOptions(
    scattering=False,
    energy_loss=False,
    radiation=False,
    nuclear=False,
    decays=False,
    efficiency=1.0,
    noise=0.0,
    threshold=0.0,
    sigma_xy=0.0,
    sigma_z=0.0,
    sigma_t=0.0,
)


def build(
    template: CellTemplate,
    center: np.ndarray,
    rotation: np.ndarray,
    field: Field,
    *,
    radiation: float = 0.01,
    interaction: float = 0.003,
    measures: tuple[str, ...] = ("position",),
) -> Detector:
    """A detector of one template; every sensor is a layer of its own."""
    n = len(center)
    zero = np.zeros(n, np.int32)
    return Detector(
        name="made",
        folder=Path(),
        field=field,
        templates=(template,),
        subsystems=(Subsystem("all", measures),),
        n_layers=n,
        template=zero,
        layer=np.arange(n, dtype=np.int32),
        subsystem=zero,
        center=np.asarray(center, np.float64),
        rotation=np.asarray(rotation, np.float64),
        radiation_lengths=np.full(n, radiation),
        interaction_lengths=np.full(n, interaction),
        resolution_u=np.full(n, template.pitch[0] / 12**0.5),
        resolution_v=np.full(n, template.pitch[1] / 12**0.5),
        sensor_id=np.arange(n),
    )


def planes(
    z: list[float], bz: float = 0.0, pitch: float = 0.05, half: float = 100.0, **more: object
) -> Detector:
    """Square sensors across the z axis."""
    count = round(2 * half / pitch)
    template = GridTemplate("square", 0.1, pitch, pitch, count, count)
    center = np.array([[0.0, 0.0, at] for at in z]).reshape(-1, 3)
    return build(template, center, np.tile(np.eye(3), (len(z), 1, 1)), ConstantField(bz), **more)  # type: ignore[arg-type]


def ring(radius: float, count: int, bz: float, tilt: float = 0.1) -> Detector:
    """`count` sensors around the z axis; turned by 2 pi / count it is itself."""
    template = GridTemplate("stave", 0.1, 0.05, 0.1, 1600, 4000)
    angle = 2 * np.pi * np.arange(count) / count
    center = radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    normal = np.stack([np.cos(angle + tilt), np.sin(angle + tilt), 0 * angle], axis=1)
    u = np.stack([-normal[:, 1], normal[:, 0], 0 * angle], axis=1)
    v = np.tile([0.0, 0.0, 1.0], (count, 1))
    return build(template, center, np.stack([u, v, normal], axis=2), ConstantField(bz))


@pytest.fixture(scope="session")
def quiet() -> SimulationOptions:
    """No physics but the helix."""
    return QUIET
