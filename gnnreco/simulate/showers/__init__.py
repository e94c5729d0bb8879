"""Showers in the calorimeters of any detector."""
