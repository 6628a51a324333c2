"""Strategies: one small file each, one interface."""
