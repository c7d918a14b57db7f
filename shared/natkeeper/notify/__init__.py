"""The notify function: receipts in, messages to people out."""
