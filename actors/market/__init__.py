"""Where bars come from: recordings and a synthetic market."""
