"""Learning the space of `gnnreco.graphs.tracking.embedding` from true segments, with torch; reconstruction does without."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor, nn

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig
from gnnreco.kernels import threads
from gnnreco.progress import Progress

from .embedding import Embedding, hit_features
from .frame import Frame, Points

HIDDEN, DIMENSIONS = 64, 8
LAYERS = (HIDDEN, HIDDEN, DIMENSIONS)
Sample = tuple[Points, NDArray[np.int64]]


@threads(1)
def learn_embedding(
    samples: Iterable[Sample],
    frame: Frame,
    efficiency: float = 0.995,
    seed: int = 0,
    steps: int = 3000,
    batch: int = 4096,
    progress: Progress | None = None,
) -> Embedding:
    """Learn the space by a contrastive hinge loss, and the radius from every fifth event, held back.

    True segments are drawn together; random pairs, and from half-time on the nearest wrong neighbours, are
    pushed beyond one.

    Parameters
    ----------
    samples : (points, segments) of each event
    efficiency : float
        Fraction of the true segments that lie within the radius.

    Raises
    ------
    BadConfig
        If the samples hold no true segment.
    """
    kept = [s for s in samples if len(s[1])]
    if not kept:
        raise BadConfig(
            "no true segment to learn from: lower graph.min_pt or graph.min_hits, or give events with more particles "
            "that cross the detector"
        )
    held = kept[::5] if len(kept) > 1 else kept
    used = [s for i, s in enumerate(kept) if i % 5] or kept
    features = [hit_features(points, frame) for points, _ in used]
    x = np.concatenate(features)
    mean, scale = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64) + 1e-3
    generator = torch.Generator().manual_seed(seed)
    net = _network(x.shape[1], generator)
    inputs = [torch.from_numpy(((f - mean) / scale).astype(np.float32)) for f in features]
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    hard: list[Tensor] = []
    for step in range(steps):
        if step >= steps // 2 and (step - steps // 2) % max(steps // 6, 1) == 0:
            hard = [_nearest_wrong(net, i, s) for i, s in zip(inputs, used, strict=True)]
        k = step % len(used)
        loss = _loss(net, inputs[k], used[k], hard[k] if hard else None, batch, generator)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if progress and step % 50 == 0:
            progress("embedding", step, steps)
    w = [p.detach().double().numpy() for p in net.parameters()]
    parts = (w[0].T / scale[:, None], w[1] - (mean / scale) @ w[0].T, w[2].T, w[3], w[4].T, w[5])
    weights = [np.ascontiguousarray(part, np.float32) for part in parts]
    draft = Embedding(*weights, radius=np.ones(1))  # type: ignore[arg-type,misc]
    lengths = [_lengths(draft.places(points, frame), segments) for points, segments in held]
    return Embedding(**(draft.state() | {"radius": np.quantile(np.concatenate(lengths), [efficiency])}))  # type: ignore[arg-type]


def _network(features: int, generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, o in itertools.pairwise((features, *LAYERS)):
        layer = nn.Linear(i, o)
        for p in layer.parameters():  # from our own generator: the same seed gives the same space
            nn.init.uniform_(p, -(i**-0.5), i**-0.5, generator=generator)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _loss(
    net: nn.Module, x: Tensor, sample: Sample, hard: Tensor | None, batch: int, generator: torch.Generator
) -> Tensor:
    """Squared distance of true segments, and squared shortfall to one of all others."""

    def some(pairs: Tensor) -> Tensor:
        return pairs[torch.randint(0, len(pairs), (batch,), generator=generator)]

    true = some(torch.from_numpy(sample[1]))
    # random partners of the same first hits; one in thousands is true, which the loss does not mind
    others = torch.stack([true[:, 0], torch.randint(0, len(x), (batch,), generator=generator)], dim=1)
    wrong = torch.cat([others, some(hard)]) if hard is not None and len(hard) else others
    place = net(x[torch.cat([true, wrong]).T.reshape(-1)]).reshape(2, -1, DIMENSIONS)
    distance = (place[0] - place[1]).square().sum(dim=1).add(1e-12).sqrt()
    pull, push = distance[:batch].square(), torch.relu(1 - distance[batch:]).square()
    return pull.mean() + push[:batch].mean() + (push[batch:].mean() if len(push) > batch else 0.0)


def _nearest_wrong(net: nn.Module, x: Tensor, sample: Sample, most: int = 20_000, each: int = 16) -> Tensor:
    """Of every few hits, the nearest neighbours that do not follow it on a track. Shape (n, 2)."""
    with torch.no_grad():
        place = net(x).numpy()
    asked = np.arange(0, len(place), max(len(place) // most, 1))
    _, near = cKDTree(place).query(place[asked], k=min(each, len(place)))
    pairs = np.stack([np.repeat(asked, near.reshape(len(asked), -1).shape[1]), near.ravel()], axis=1)
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    true = sample[1].min(axis=1) << 32 | sample[1].max(axis=1)
    layer = sample[0].layer
    return torch.from_numpy(pairs[~np.isin(low << 32 | high, true) & (layer[low] != layer[high])])


def _lengths(place: NDArray[np.float32], segments: NDArray[np.int64]) -> Floats:
    return np.linalg.norm(place[segments[:, 0]] - place[segments[:, 1]], axis=1).astype(np.float64)
