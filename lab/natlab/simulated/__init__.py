"""The simulated data plane: machines, routes and an internet that exist only as a model.

The setup script that runs on these machines is the real one, under a shell of this host with every
program that could touch the host replaced by a shim. This file imports nothing: every shim passes here.
"""
