"""The node: the command line and, later, the server that wire the institutions together."""
