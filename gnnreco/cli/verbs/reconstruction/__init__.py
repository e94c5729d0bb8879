"""Verbs that run a chain of trained bundles, and those that look after its jobs."""
