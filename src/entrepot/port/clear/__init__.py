"""Carry out a way: data, certificate, receipt and report in one folder, all or nothing."""
