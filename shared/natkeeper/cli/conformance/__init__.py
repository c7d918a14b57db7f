"""Facts about the platform that nobody could confirm, and how a real account tells which way they are."""
