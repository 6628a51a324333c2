"""Downloads candles into files that a replay reads: resumed, with its gaps."""
