"""Signs of life, for whoever watches from outside: systemd, a watchdog elsewhere."""
