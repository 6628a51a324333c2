"""The loopback exchange: its floor, its desks, its wires, its faults."""
