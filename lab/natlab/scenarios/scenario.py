"""What is a scenario?  A story, a network, a policy, a script and a verdict: data, and small functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from natlab.scenarios.topology import Topology

if TYPE_CHECKING:
    from natlab.scenarios.evidence import ScenarioEvidence
    from natlab.scenarios.stage import Play
    from natlab.scenarios.timing import ScenarioFigures

Check = Callable[["ScenarioEvidence", "ScenarioFigures"], "str | None"]
"""Why this is not good; None when it is."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, or is waited for; `say` is its line in the timeline (empty for a wait).

    `fault`: all figures count from here.
    """

    say: str
    do: Callable[[Play], None]
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table. `takes_s`: roughly how long, so that the longest can be begun first.

    `policy` is what natkeeper.yaml says about the group besides gateways and routes. `extra`: the demo shows it when
    it is named, or with --all.
    """

    name: str
    brief: str
    story: str
    script: tuple[Step, ...]
    verdict: tuple[Check, ...]
    topology: Topology = field(default_factory=Topology)
    policy: Mapping[str, Any] = field(default_factory=dict)
    fate: str = ""
    """What a drill must see become of every lasting TCP connection outwards: relayed, reset; empty: anything."""
    takes_s: float = 10.0
    extra: bool = False
