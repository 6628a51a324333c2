"""Positions: what they lack, their stops and targets, their closes."""
