"""What a job tells of itself while it runs and when it ends: lines of a log, numbers for a monitor, a report."""

from gnnreco.files.news import JsonLog, Listener, Textfile

from .report import JobReport, read_reports
from .short import in_short

__all__ = ["JobReport", "JsonLog", "Listener", "Textfile", "in_short", "read_reports"]
