"""Settings that every test shares: hypothesis draws the same examples on every run and has no clock."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")
