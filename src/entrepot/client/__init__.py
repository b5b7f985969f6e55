"""The client: what a program needs to talk to a node over HTTP."""
