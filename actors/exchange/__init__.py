"""The exchange port and the exchanges behind it."""
