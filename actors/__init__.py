"""The engine: actors that scan, decide, trade and keep the books."""
