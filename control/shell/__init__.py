"""The command line behind `breakout`."""
