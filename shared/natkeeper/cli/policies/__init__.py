"""RAM policies with only the permissions that one configuration needs: for whom, on what, and what for."""

from natkeeper.cli.policies.coverage import missing
from natkeeper.cli.policies.grants import DeployedNames, Grant, grants
from natkeeper.cli.policies.statements import Statement

__all__ = ["DeployedNames", "Grant", "Statement", "grants", "missing"]
