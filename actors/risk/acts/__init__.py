"""What a person may do to single positions, orders and symbols."""
