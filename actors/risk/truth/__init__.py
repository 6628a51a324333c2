"""Our book against the exchange's truth: looks, differences, policies."""
