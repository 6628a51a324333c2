"""The account's book and state, and the desk from which all of it is reached."""
