"""Law that changes: which law a node runs under, and what a change does to cleared shipments."""
