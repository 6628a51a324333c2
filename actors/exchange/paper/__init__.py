"""The paper exchange: orders met by bars, and an account that outlives the engine."""
