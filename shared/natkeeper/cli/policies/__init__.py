"""The least that RAM has to allow, for one configuration: who needs which permissions, on what, and what for."""

from natkeeper.cli.policies.coverage import missing
from natkeeper.cli.policies.grants import DeployedNames, Grant, Statement, grants

__all__ = ["DeployedNames", "Grant", "Statement", "grants", "missing"]
