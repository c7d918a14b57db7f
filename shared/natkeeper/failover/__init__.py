"""The failover function: parse a signal, reconcile the groups that it concerns, answer with receipts."""
