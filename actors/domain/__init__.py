"""Pure trading rules: no trio, no clock, no randomness, no I/O."""
