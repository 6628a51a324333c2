"""The other end: a client library, its mirror, and a terminal view."""
