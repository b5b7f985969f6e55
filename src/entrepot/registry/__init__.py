"""The registry: who and what. Parties, their keys and members, data products, rights, certificates."""
