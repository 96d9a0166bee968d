"""The forms of a report: one page for people, SARIF for code scanning, JUnit for continuous integration."""

from __future__ import annotations

from trustweft.audit.reports.junit import as_junit
from trustweft.audit.reports.page import as_html
from trustweft.audit.reports.sarif import as_sarif

__all__ = ["as_html", "as_junit", "as_sarif"]
