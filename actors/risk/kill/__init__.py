"""The kill switch: its phases, flattening, and what counts as flat."""
