"""The rooms of what the engine shows: each projects a part of the published state."""
