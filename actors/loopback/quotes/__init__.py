"""Public market data over HTTP."""
