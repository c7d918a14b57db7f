"""Simple Log Service (2020-12-30): projects, log stores and indexes, as a deployment looks for and makes them."""
