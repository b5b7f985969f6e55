"""`python -m entrepot` runs the command line."""

from entrepot.node.cli import main

main()
