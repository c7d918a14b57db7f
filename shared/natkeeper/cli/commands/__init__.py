"""One module for each kind of command that a person types."""
