"""The risk-and-execution actor: the only owner of orders and positions."""
