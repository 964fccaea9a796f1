"""The report: one self-contained HTML page."""

from __future__ import annotations

from optathlon.analysis.report.page import write_report

__all__ = ["write_report"]
