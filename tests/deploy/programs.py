"""Programs of `networks`, and vectors that reach far beyond every range of theirs."""

from __future__ import annotations

import numpy as np

from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.program.program import Program
from tests.deploy.networks import ALL, inputs, network


def program(shape: str = "dense", seed: int = 3) -> Program:
    """The program of a network of random formats."""
    return lower(network(shape, seed).double())


def vectors(shape: str, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Inputs as float32 holds them, some of them huge, and which slots are valid (dense: None)."""
    x, valid = inputs(shape, n, seed)
    x = x * np.random.default_rng(seed).choice([1.0, 1.0, 40.0], x.shape)
    return x.astype(np.float32).astype(np.float64), valid if ALL[shape].get("slots") else None
