"""The registry: who and what. Parties, keys, members, data products, rights, certificates."""
