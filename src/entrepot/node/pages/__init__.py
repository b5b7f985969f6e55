"""The law as Markdown pages: one per rulebook, an index, and a table of what is covered."""
