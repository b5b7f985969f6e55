"""`python -m entrepot.node` runs the command line."""

from entrepot.node.cli import main

main()
