"""What runs on a gateway: the setup script, the parameters it takes and the report it gives.

The files in setup/ are the one source of the script. `render` turns it and `SetupParameters` into the content of a
Cloud Assistant command, `template.oos_template` into the OOS template, and `parse_report` reads what came back.
"""

from __future__ import annotations

from natkeeper.guest.parameters import AddressMode, BadParameter, ForeignRules, Mode, PortForward, SetupParameters
from natkeeper.guest.report import (
    NetworkProof,
    SetupFacts,
    SetupProblem,
    SetupReport,
    UnreadableReport,
    parse_report,
)
from natkeeper.guest.script import TooLong, parameter_block, render, script_hash

__all__ = [
    "AddressMode",
    "BadParameter",
    "ForeignRules",
    "Mode",
    "NetworkProof",
    "PortForward",
    "SetupFacts",
    "SetupParameters",
    "SetupProblem",
    "SetupReport",
    "TooLong",
    "UnreadableReport",
    "parameter_block",
    "parse_report",
    "render",
    "script_hash",
]
