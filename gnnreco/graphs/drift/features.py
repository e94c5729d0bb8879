"""What is known of charge samples and of pairs of them, by name."""

from __future__ import annotations

SAMPLE_FEATURES = (
    "charge",
    "charge around",
    "neighbours",
    "above neighbours",
    "middle across",
    "middle along drift",
    "length",
    "flatness",
    "long length",
    "long flatness",
    "along rows",
    "along drift",
    "turn",
    "diffusion",
)
PAIR_FEATURES = (
    "along",
    "across one",
    "drift one",
    "across two",
    "drift two",
    "across middles",
    "drift middles",
    "angle",
    "long angle",
    "long across",
    "long drift",
    "less charge",
    "charge ratio",
    "same row",
    "distance",
)
