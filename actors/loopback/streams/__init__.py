"""What is told over WebSockets: markets, and what happened to an account."""
