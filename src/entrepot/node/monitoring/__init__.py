"""Following a log from outside: does it only grow, and what does it say about a party."""
