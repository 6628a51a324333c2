"""Real processes, a real journal, real SIGKILLs: what a crash may not cost."""
