"""The compiled sub-pipeline: one kernel for live bars and whole histories."""
