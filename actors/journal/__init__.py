"""The journal: the one truth, append-only."""
