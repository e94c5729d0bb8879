"""Tracks through field and material: helices, propagation through any field, the Kalman filter and smoother."""
