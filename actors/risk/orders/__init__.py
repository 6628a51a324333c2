"""Orders from intent to end: entries, sends, answers, doubts."""
