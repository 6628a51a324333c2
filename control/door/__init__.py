"""The way in: the guarded server, its fences, and who may pass."""
