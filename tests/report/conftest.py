"""The browser of the tests of pages, for reports."""

from tests.display.conftest import browser, drive

__all__ = ["browser", "drive"]
