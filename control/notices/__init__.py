"""Notices to people: what happened, to whom it is told, and never too often."""
