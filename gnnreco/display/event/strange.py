"""How strange an event is: its score, and how much of it each hit gives."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import ANOMALY_PARTS, Anomalies
from gnnreco.display.pack import Pack
from gnnreco.files.json_types import JsonObject


def add_anomalies(pack: Pack, anomalies: Anomalies | None, n_hits: int) -> JsonObject | None:
    """Pack what each hit gives to the score (`h_strange`, zero of most), and tell score, p-value and parts.

    Of several rows, such as those of jets, those of the strangest are told; None where nothing has a score.
    """
    if anomalies is None or not len(anomalies):
        return None
    given = np.bincount(anomalies.hit_index, anomalies.attribution, n_hits)
    pack.add("h_strange", given, "float32")
    best = int(np.argmax(anomalies.score))
    parts = zip(ANOMALY_PARTS, anomalies.part[best].tolist(), strict=True)
    return {
        "score": float(anomalies.score[best]),
        "p_value": float(anomalies.p_value[best]),
        "parts": [[name.replace("_", " "), float(value)] for name, value in parts],
        "hits": int((given > 0).sum()),
        "of_hits": float(given.sum()),
    }
