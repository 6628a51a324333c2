"""A whole exchange on loopback: for tests, and to try live mode without money."""
