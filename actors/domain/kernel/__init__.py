"""The compiled kernel: one symbol's bars in, findings out, any chunk the same."""
