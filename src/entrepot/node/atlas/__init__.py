"""The atlas as a page that needs nothing but itself, and as tables."""
