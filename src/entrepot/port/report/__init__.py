"""The page a counsel reads and prints: one clearance, complete, in one self-contained HTML file."""

from entrepot.port.report.page import render

__all__ = ["render"]
