"""Conformance suites: what every detector and every task must answer, for the tests of a package that ships one.

In a test of that package, either all at once or check by check::

    import pytest
    from gnnreco.testing import CHECKS, Case, check_detector, check_task

    def test_my_detector():
        check_detector("my_detector")                  # a folder, or the name the package registers

    def test_my_task():
        check_task("my_task", "my_detector", events)   # events with truth

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_detector_does(check):
        check(Case("my_detector"))
"""

from .detectors import CHECKS, Case, check_detector, description_names_no_machine
from .tasks import TASK_CHECKS, TaskCase, check_task

__all__ = [
    "CHECKS",
    "TASK_CHECKS",
    "Case",
    "TaskCase",
    "check_detector",
    "check_task",
    "description_names_no_machine",
]
