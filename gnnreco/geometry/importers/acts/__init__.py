"""Detectors as ACTS writes them: surfaces, digitisation, JSON."""
