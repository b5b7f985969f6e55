"""Check a cleared folder offline, in numbered steps."""
