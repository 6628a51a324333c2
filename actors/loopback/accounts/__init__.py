"""The accounts: orders, balances, positions, margin, and what becomes of them."""
