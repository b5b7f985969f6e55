"""The law engine: facts, expressions, rulebooks, assessment. It knows no jurisdiction."""
