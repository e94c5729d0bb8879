"""Readers of the formats that others write, one file a format."""
