"""Plots of coverage and material against pseudorapidity."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gnnreco.columns import Floats
from gnnreco.geometry.checks.coverage import Coverage

from .frame import Frame, draw_axes
from .svg import Drawing, box_path, closed_path, hue

WIDTH, HEIGHT, GAP = 560.0, 300.0, 84.0
STEPS = 9  # shades of the map


AXES = {"eta": "η", "phi": "φ [rad]", "x": "x [mm]", "y": "y [mm]"}


def coverage_plots(
    whole: Coverage, parts: Mapping[str, Coverage], hues: Mapping[str, int], passive: bool
) -> Drawing:
    """Draw layers, radiation lengths and interaction lengths against eta, and layers against eta and phi.

    Parameters
    ----------
    whole : Coverage
        Of the detector.
    parts : mapping of str to Coverage
        Of each subsystem alone.
    hues : mapping of str to int
        Which hue each subsystem has.
    passive : bool
        Whether what is missing to the whole is passive material.
    """
    sheet = Drawing(2 * WIDTH + 3 * GAP - 60, 2 * HEIGHT + 3 * GAP)
    spots = [(GAP + i * (WIDTH + GAP), 50 + j * (HEIGHT + GAP + 10)) for j in range(2) for i in range(2)]
    _band(sheet, spots[0], whole)
    _map(sheet, spots[1], whole)
    for spot, name, title in (
        (spots[2], "radiation_lengths", "X₀"),
        (spots[3], "interaction_lengths", "λ"),
    ):
        amounts = {
            part: np.interp(whole.eta, c.eta, getattr(c, name).mean(axis=1), left=0.0, right=0.0)
            for part, c in parts.items()
        }
        rest = getattr(whole, name).mean(axis=1) - sum(amounts.values(), np.zeros(len(whole.eta)))
        if passive:
            amounts["passive"] = rest.clip(0)
        _stack(sheet, spot, whole, amounts, hues, title)
    return sheet


def _frame(spot: tuple[float, float], low: tuple[float, float], high: tuple[float, float]) -> Frame:
    return Frame(*spot, WIDTH, HEIGHT, np.array(low), np.array(high))


def _band(sheet: Drawing, spot: tuple[float, float], whole: Coverage) -> None:
    """Layers crossed: the mean over phi, and the least and the most."""
    layers = whole.layers
    frame = _frame(
        spot, (float(whole.eta[0]), 0.0), (float(whole.eta[-1]), 1.1 * max(1.0, float(layers.max())))
    )
    band = np.concatenate(
        [
            np.stack([whole.eta, layers.max(axis=1)], axis=1),
            np.stack([whole.eta, layers.min(axis=1)], axis=1)[::-1],
        ]
    )
    sheet.path(closed_path(frame.map(band)[None]), "none", hue(0), 0, "fill-opacity:.25")
    sheet.line(frame.map(np.stack([whole.eta, layers.mean(axis=1)], axis=1)), hue(0), 1.8)
    sheet.text(
        spot[0],
        spot[1] - 12,
        "Layers crossed by a straight line: mean, least and most",
        "b",
    )
    draw_axes(sheet, frame, AXES[whole.axes[0]], "layers")


def _map(sheet: Drawing, spot: tuple[float, float], whole: Coverage) -> None:
    """Layers crossed against eta and phi, in a few shades."""
    eta, phi, layers = whole.eta, whole.phi, whole.layers
    step_e, step_p = np.diff(eta).mean(), np.diff(phi).mean()
    frame = _frame(
        spot, (eta[0] - step_e / 2, phi[0] - step_p / 2), (eta[-1] + step_e / 2, phi[-1] + step_p / 2)
    )
    most = max(float(layers.max()), 1.0)
    shade = np.ceil(layers / most * STEPS).astype(int)
    for value in np.unique(shade[shade > 0]):
        boxes = _runs(shade == value, eta - step_e / 2, phi - step_p / 2, step_e, step_p)
        pixels = np.concatenate([frame.map(boxes[:, [0, 3]]), frame.map(boxes[:, [2, 1]])], axis=1)
        sheet.path(box_path(pixels), "none", hue(0), 0, f"fill-opacity:{0.08 + 0.92 * value / STEPS:.2f}")
    sheet.text(spot[0], spot[1] - 12, f"Layers crossed: none is empty, {most:g} the darkest", "b")
    draw_axes(sheet, frame, AXES[whole.axes[0]], AXES[whole.axes[1]])


def _runs(chosen: np.ndarray, eta: Floats, phi: Floats, wide: float, high: float) -> Floats:
    """Boxes (n, 4) over runs of chosen bins along phi."""
    padded = np.pad(chosen, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(padded, axis=1)
    row, first = np.nonzero(change == 1)
    last = np.nonzero(change == -1)[1]
    return np.stack([eta[row], phi[first], eta[row] + wide, phi[last - 1] + high], axis=1)


def _stack(
    sheet: Drawing,
    spot: tuple[float, float],
    whole: Coverage,
    amounts: Mapping[str, Floats],
    hues: Mapping[str, int],
    unit: str,
) -> None:
    """Amounts on top of each other, averaged over phi."""
    eta = whole.eta
    total = sum(amounts.values(), np.zeros(len(eta)))
    frame = _frame(
        spot,
        (float(eta[0]), 0.0),
        (float(eta[-1]), (1.1 + 0.055 * len(amounts)) * max(float(total.max()), 1e-6)),
    )
    base = np.zeros(len(eta))
    for row, (name, amount) in enumerate(amounts.items()):
        colour = hue(hues[name]) if name in hues else "var(--soft)"
        area = np.concatenate([np.stack([eta, base + amount], axis=1), np.stack([eta, base], axis=1)[::-1]])
        sheet.path(closed_path(frame.map(area)[None]), colour, colour, 0.8, "fill-opacity:.55")
        base = base + amount
        x, y = spot[0] + WIDTH - 8, spot[1] + 12 + 15 * row
        sheet.path(f"M{x} {y - 8}h9v9h-9z", fill=colour)
        sheet.text(x - 6, y, name, "t", "end")
    sheet.text(spot[0], spot[1] - 12, f"Material on a straight line in {unit}, mean", "b")
    draw_axes(sheet, frame, AXES[whole.axes[0]], unit)
