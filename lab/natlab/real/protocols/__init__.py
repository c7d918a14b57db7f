"""What do real protocols over UDP feel when a gateway changes?  A program for each, started inside a namespace.

Each asks questions by its protocol and notes when each was asked and answered. `asking` is what they have in common.
"""
