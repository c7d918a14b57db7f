"""A healthy account, as doctor reads it, and what doctor says of one that differs from it in one thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

import msgspec

from natkeeper.cli.doctor import gateways, lanes, routes
from natkeeper.cli.doctor.facts import DryRun, GroupFacts
from natkeeper.cli.doctor.findings import Finding
from natkeeper.cli.survey.network import Card, InboundRule, ManagedNat, SurveyedInstance, SurveyedTable, VSwitch
from natkeeper.domain.config import Config, Group, Route, parse_config
from natkeeper.domain.ids import EipId, EntryId, InstanceId, TableId
from natkeeper.domain.observed import Eip, EipStatus, HopKind, NextHop, RouteEntry
from natkeeper.failover.gateway_setup import setup_parameters
from natkeeper.guest.report import SetupFacts, SetupReport
from natkeeper.guest.script import fingerprint, script_hash
from natkeeper.ports import Failure, FailureKind, SetupRun

A, B, TABLE, EIP, NAT = "i-alpha", "i-bravo", "vtb-one1", "eip-one1", "ngw-one1"
PRIVATE_IPS = {A: "10.0.0.4", B: "10.0.0.5", "i-carol": "10.0.0.6"}
GROUPS = {A: "sg-one1", B: "sg-two2", "i-carol": "sg-one1"}
PROBED = {"function": "natkeeper-probe"}  # what shows that private hosts reach the internet
WHEN = datetime(2026, 3, 5, 6, 7, tzinfo=timezone.utc)
UNSEEN = Failure(FailureKind.DENIED, "not allowed", "Forbidden.RAM")
NOT_SEEN = "could not be looked at: denied: not allowed (Forbidden.RAM)"
GUARDED = Route(table=TableId(TABLE))


# ---- one group -------------------------------------------------------------------------------------------


def policy(**more: object) -> Group:
    """The group `prod`, with these settings."""
    group = {"gateways": [A, B], "routes": [{"table": TABLE}], "probe": PROBED, **more}
    return parse_config({"region": "cn-hangzhou", "groups": {"prod": group}}).groups[0]


def machine(name: str, zone: str, **more: Any) -> SurveyedInstance:
    """A gateway that runs, with an EIP of its own."""
    return replace(
        SurveyedInstance(name, name, "Running", zone, "vpc-1", f"vsw-{name[2:]}", PRIVATE_IPS[name], "",
                "eip-own1", "198.51.100.9", (GROUPS[name],), spot=False, type="ecs.g7.large", bandwidth=100),
        **more,
    )  # fmt: skip


def entry(hop: NextHop | None, destination: str = "0.0.0.0/0", **more: Any) -> RouteEntry:
    """An entry of the guarded table."""
    return replace(RouteEntry(EntryId("rte-1"), TableId(TABLE), destination, hop), **more)


PRIVATE = VSwitch("vsw-private", "", "vpc-1", "10.0.1.0/24", "h", TABLE)
ALL = InboundRule(accept=True, protocol="ALL", ports="-1/-1", source="10.0.0.0/8", priority=1)
PASSED = Failure(FailureKind.REFUSED, "it would succeed", "DryRunOperation")
ENTRIES = (entry(NextHop(HopKind.OTHER, "vpn-one1"), "192.168.0.0/16"), entry(NextHop.gateway(InstanceId(A))))
HEALTHY = GroupFacts(
    tables={TABLE: SurveyedTable(TABLE, "", "Custom", "vpc-1")},
    entries={TABLE: ENTRIES},
    vswitches=[PRIVATE],
    machines={A: machine(A, "h"), B: machine(B, "i")},
    conditions={},
    cards={name: [Card(f"eni-{name}", name, source_dest_check=False, primary=True)] for name in (A, B)},
    rules={name: [ALL] for name in GROUPS.values()},
    heartbeats={A: True, B: True},
    eip=Eip(EipId(EIP), "198.51.100.77", EipStatus.IN_USE, InstanceId(A)),
    fallback=ManagedNat(NAT, "", available=True, addresses=("198.51.100.80",), snat=True),
    setups=(),  # those of each group: a setup is for its settings
    dry_runs={GUARDED: (DryRun(NextHop.gateway(InstanceId(B)), PASSED),)},
    everywhere=ENTRIES,
)


def report(group: Group, **more: Any) -> SetupReport:
    """What a gateway of this group says of its setup: ready, proven, and nearly idle."""
    facts = SetupFacts(forwarding="proven", tunnel=" ".join(PRIVATE_IPS.values()))
    written = SetupReport(
        "apply", ready=True, found=(), changed=(), undone=(), wrong=(), facts=facts,
        started=0, finished=1, script=script_hash(), fingerprint=fingerprint(setup_parameters(group)),
        figures={"connections": 10, "maximum": 1000},
    )  # fmt: skip
    return replace(written, **more)


def setups(group: Group, of: Iterable[str] = (), **more: Any) -> dict[str, Any]:
    """The latest setup of each gateway; those `of` some report otherwise."""
    runs = [SetupRun(gateway, WHEN, report(group, **(more if gateway in of else {}))) for gateway in group.gateways]
    return {"setups": tuple(runs)}


def world(group: Group, **change: Any) -> GroupFacts:
    """The healthy world of a group, with this change."""
    return replace(HEALTHY, **{**setups(group), **change})


def configured(*groups: Group, **top: object) -> Config:
    """The configuration of these groups."""
    other = {"gateways": ["i-other"], "routes": [{"table": "vtb-guarded"}]}
    config = parse_config({"region": "cn-hangzhou", "groups": {"other": other}, **top})
    return msgspec.structs.replace(config, groups=groups or config.groups)


def judged(group: Group, ground: GroupFacts) -> Iterator[Finding]:
    """All that is said of a group, beside another one that guards a table of its own."""
    yield from routes.not_guarded(group, ground, configured(group, *configured().groups))
    yield from routes.routes(group, ground)
    yield from gateways.gateways(group, ground)
    yield from routes.addresses(group, ground)
    yield from lanes.lane(group, ground)


def said(settings: Mapping[str, object], change: Mapping[str, Any]) -> tuple[list[Finding], list[Finding]]:
    """What is said of the healthy group, and of one with `settings` in a changed world."""
    usual, group = policy(), policy(**settings)
    return [*judged(usual, world(usual))], [*judged(group, world(group, **change))]


# ---- what is said ----------------------------------------------------------------------------------------


def difference(before: Iterable[Finding], after: Iterable[Finding], wanted: Sequence[str] = ()) -> list[str]:
    """Write what is said now and was not before, one finding a line.

    What to do follows after an arrow, as far as `wanted` has it there. What was well is to be so no longer where
    something else is said of the same thing, and only there: further lines say where it is not so.
    """
    before, after = list(before), list(after)
    new = [each for each in after if each not in before]
    about = {(each.area, each.about) for each in new}
    gone = [each for each in before if each not in after and (each.area, each.about) not in about]
    still = [each for each in before if each in after and (each.area, each.about) in about]
    shown = [text for each in new for text in (_line(each), *_to_do(each, wanted))]
    return shown + [f"no longer {_line(each)}" for each in gone] + [f"still {_line(each)}" for each in still]


def _line(found: Finding) -> str:
    assert bool(found.do) is (found.level.value != "ok"), found
    area = "" if found.area == "prod" else f"[{found.area}] "
    return f"{found.level.value} {area}{found.about}: {found.says}"


def _to_do(found: Finding, wanted: Sequence[str]) -> Iterator[str]:
    """Yield that part of what to do that stands after the finding's line in `wanted`."""
    parts = [do for line, do in pairwise(wanted) if line == _line(found) and do.startswith("→ ")]
    yield from [do for do in parts[:1] if do.removeprefix("→ ") in found.do]


def not_well(before: Iterable[Finding], after: Iterable[Finding]) -> list[str]:
    """Write what is worse than before."""
    return [line for line in difference(before, after) if line.split()[0] in ("advice", "wrong", "unseen")]
