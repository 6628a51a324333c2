"""The trading floor: books, the market that moves them, and what was traded."""
