"""Scores what an anomaly task says of events: anomalous ones against normal ones, and the p-values of normal ones."""

from .figures import anomaly_figures
from .scores import score_anomalies
from .table import anomaly_lines

__all__ = ["anomaly_figures", "anomaly_lines", "score_anomalies"]
