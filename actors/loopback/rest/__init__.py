"""The counter at which requests over HTTP are read, judged and answered."""
