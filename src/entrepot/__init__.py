"""Entrepot: move data across borders lawfully and provably.

Inspect a dataset, assess a transfer under dated and cited law, plan lawful ways, clear one, and
verify the result offline. See ARCHITECTURE.md for the map.
"""

__version__ = "0.1.0"
