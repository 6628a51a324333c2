"""The account over HTTP: orders, fills, positions, settings."""
