"""The control plane: people and programs watch and command the engine here."""
