"""The offline report: one HTML file that opens with no server and no network, and links every mistake to its images and its points."""

from fmnist_viz.export.report.content import ReportContent
from fmnist_viz.export.report.page import write_report

__all__ = ["ReportContent", "write_report"]
