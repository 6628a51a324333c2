"""The actor runtime on trio; it knows no trading word."""
