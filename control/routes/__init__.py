"""The routes: one table of data, and the small functions behind its rows."""
