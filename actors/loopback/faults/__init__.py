"""The fault menu: what can go wrong, how often, and what a person may do."""
