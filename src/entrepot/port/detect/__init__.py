"""Column detectors: decide for every column of a table what it holds, and show the evidence."""

from entrepot.port.detect.scanner import ColumnScanner, detectors, skipped

__all__ = ["ColumnScanner", "detectors", "skipped"]
