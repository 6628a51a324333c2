"""The stream: every fact on its way to every client that asked for it."""
