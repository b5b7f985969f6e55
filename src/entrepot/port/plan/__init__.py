"""Search for lawful ways: reductions of the data and choices of the parties, engine-judged."""
