"""Charge samples of drift chambers as graphs."""
