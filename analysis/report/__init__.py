"""The report: one self-contained HTML page."""

from __future__ import annotations

from optathlon.analysis.report.page import make_page, write_page, write_report

__all__ = ["make_page", "write_page", "write_report"]
