"""Pure validators of identifiers: text series in, boolean mask out. No I/O, no state.

Every validator takes a series (or list, or array) of text with or without the usual separators and
returns a NumPy mask of the cells that have the right shape, a plausible structure (dates, division
codes, prefixes) and a right check digit. A check digit proves a form, not a person.
"""
