"""The first configuration: all of one to the letter, and what each other thing in the VPC changes in it."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import Any

import pytest

from natkeeper.cli.config_draft import DraftedProbe, Found, draft
from natkeeper.cli.errors import Wrong
from natkeeper.cli.survey.network import ManagedNat, SurveyedInstance, SurveyedTable, VpcAbout, VSwitch
from natkeeper.domain.ids import EntryId, InstanceId, TableId
from natkeeper.domain.memory import Memory, encode
from natkeeper.domain.observed import HopKind, NextHop, RouteEntry

VPC = VpcAbout("vpc-1", "Prod VPC", ("10.0.0.0/8",))
INSIDE = VSwitch("vsw-in", "private", "vpc-1", "10.0.3.0/24", "h", "vtb-1")
OUTSIDE = VSwitch("vsw-out", "public", "vpc-1", "10.0.1.0/24", "h", "vtb-system")
CUSTOM, SYSTEM = SurveyedTable("vtb-1", "own", "Custom", "vpc-1"), SurveyedTable("vtb-system", "", "System", "vpc-1")
A = SurveyedInstance("i-a", "nat-a", "Running", "h", "vpc-1", "vsw-out", "10.0.1.4", "198.51.100.1", "", "",
                     ("sg-1", "sg-2"), spot=False)  # fmt: skip
B = replace(A, id="i-b", name="nat-b", zone="i", own_ip="", eip="eip-b", eip_address="198.51.100.2", spot=True)
NAT = ManagedNat("ngw-1", "nat", available=True, addresses=(), snat=False)
HOST = replace(A, id="i-host", name="host", own_ip="", vswitch="vsw-in")


def entry(hop: str | None, table: str = "vtb-1", destination: str = "0.0.0.0/0", **more: Any) -> RouteEntry:
    """An entry through an instance."""
    to = None if hop is None else NextHop.gateway(InstanceId(hop))
    return RouteEntry(EntryId("rte-1"), TableId(table), destination, **{"next_hop": to, **more})


def entries(*listed: RouteEntry) -> dict[str, Any]:
    """These, by table."""
    return {"entries": {table: tuple(e for e in listed if e.table == table) for table in ("vtb-1", "vtb-system")}}


USUAL = Found(
    vpc=VPC,
    vswitches=(OUTSIDE, INSIDE),
    tables=(CUSTOM, SYSTEM),
    machines=(A, B, HOST),
    nat_gateways=(),
    **entries(entry("i-a")),
)
DRAFT = """\
# natkeeper, drafted from what was in vpc-1 Prod VPC
# Every setting there is, with its default and what it means: natkeeper.example.yaml.

region: cn-hangzhou
notify: natkeeper-notify # leave out where nobody is to be told

groups:
  prod-vpc:
    # Instances that can be the next hop, the most wanted first.
    gateways:
      - i-a                        # nat-a, h, Running, 198.51.100.1
      # These have a public address, too. Uncomment those that may serve as gateways:
      # - i-b                      # nat-b, i, Running, 198.51.100.2, spot
    # Or search the VPC instead of listing; then anyone who may tag an instance may take the route:
    # vpc: vpc-1
    # gateways: {tag: natkeeper=prod-vpc}
    # routes: all
    routes:
      - table: vtb-1               # own custom table, of vSwitches private
    # The private vSwitches behind the routes: each gateway proves that it forwards for every one of them.
    networks: [10.0.3.0/24]
    probe:
      function: natkeeper-probe # one for each group (s.yaml)
"""
VARIABLES = {"region": "cn-hangzhou", "group": "prod-vpc", "vpc": "vpc-1", "vswitch": "vsw-in", "securityGroup": "sg-1"}


def test_what_is_there_becomes_settings_and_what_is_possible_comments() -> None:
    """With what s.yaml has to know."""
    drafted = draft(USUAL, region="cn-hangzhou")
    assert drafted.text == DRAFT
    assert (drafted.group, drafted.summary, drafted.variables) == ("prod-vpc", "1 gateway(s), 1 route(s)", VARIABLES)
    assert drafted.probes == ()


GATEWAY_A, ROUTE = DRAFT.splitlines()[10], DRAFT.splitlines()[18]
OTHERS = DRAFT.splitlines()[11:13]
NETWORKS = DRAFT.splitlines()[19:21]
GATEWAY_B = "      - i-b                        # nat-b, i, Running, 198.51.100.2, spot"
TO_SYSTEM = "      - table: vtb-system          # system table, of vSwitches public"
NOT_GUARDED = "      # These lead to the gateways too, but natkeeper does not move them. Uncomment those to guard:"
BOTH = "    networks: [10.0.1.0/24, 10.0.3.0/24]"
ALONE = "      # No other instance here has a public address: without a second gateway nothing can fail over."
FOLLOW = [
    "    # Let one EIP go where the route goes: the internet sees one address, and connections survive a move.",
    "    # The other gateways then need no address of their own.",
]
LANE = encode(Memory(lane=True), "")
Case = tuple[dict[str, Any], dict[str, Any], list[str], list[str]]
CASES: dict[str, Case] = {
    # what else is there; what is asked for; the lines that are there no more; the new ones
    "no name": (
        {"vpc": VpcAbout("vpc-1", "", ())}, {},
        ["# natkeeper, drafted from what was in vpc-1 Prod VPC", "  prod-vpc:",
         "    # gateways: {tag: natkeeper=prod-vpc}"],
        ["# natkeeper, drafted from what was in vpc-1", "  main:", "    # gateways: {tag: natkeeper=main}"],
    ),
    "a name for the group": (
        {}, {"name": "two"}, ["  prod-vpc:", "    # gateways: {tag: natkeeper=prod-vpc}"],
        ["  two:", "    # gateways: {tag: natkeeper=two}"],
    ),
    "nothing else with an address": ({"machines": (A, HOST)}, {}, OTHERS, [ALONE]),
    "a gateway without an address": (
        {"machines": (replace(A, own_ip=""), HOST)}, {}, [GATEWAY_A, *OTHERS],
        ["      - i-a                        # nat-a, h, Running, no public address", ALONE],
    ),
    "a gateway of another VPC": (
        {"machines": (B, HOST)}, {}, [GATEWAY_A],
        ["      - i-a                        # is not among the instances of this VPC"],
    ),
    "both gateways asked for": (
        {}, {"gateways": ["i-a", "i-b"]}, OTHERS, [GATEWAY_B],
    ),
    "a standby asked for by table": (
        {}, {"gateways": ["i-b"], "tables": ["vtb-1"]}, OTHERS,
        [GATEWAY_B, *FOLLOW, "    # address: {follow: eip-b}     # 198.51.100.2, now on i-b"],
    ),
    "a route to a part": (
        entries(entry("i-a", destination="10.9.0.0/16")), {}, [], ["        destination: 10.9.0.0/16"],
    ),
    "a table without a vSwitch": (
        {"vswitches": (OUTSIDE,)}, {}, [ROUTE, *NETWORKS],
        ["      - table: vtb-1               # own custom table, bound to no vSwitch"],
    ),
    "a vSwitch without a name": (
        {"vswitches": (OUTSIDE, replace(INSIDE, name=""))}, {}, [ROUTE],
        ["      - table: vtb-1               # own custom table, of vSwitches vsw-in"],
    ),
    "addresses that are not private": (
        {"vswitches": (OUTSIDE, replace(INSIDE, cidr="11.0.3.0/24"))}, {}, NETWORKS[1:],
        ["    networks: [11.0.3.0/24]",
         "    # What gateways masquerade. Other addresses than private ones have to be named.",
         "    sources: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 11.0.3.0/24]"],
    ),
    "a table through another gateway": (
        entries(entry("i-a"), entry("i-b", "vtb-system")), {}, [*OTHERS, NETWORKS[1]],
        [GATEWAY_B, "        prefer: i-a", TO_SYSTEM, "        prefer: i-b",
         "        probe: natkeeper-probe-2   # looks through i-b, which the first probe does not see", BOTH],
    ),
    "a part through another gateway": (
        entries(entry("i-a"), entry("i-b", "vtb-system", "10.9.0.0/16")), {}, [*OTHERS, NETWORKS[1]],
        [GATEWAY_B, "        prefer: i-a", TO_SYSTEM, "        destination: 10.9.0.0/16", "        prefer: i-b", BOTH],
    ),
    "what else leads to the gateway": (
        entries(entry("i-a"), entry("i-a", "vtb-system", "10.9.0.0/16")), {"tables": ["vtb-1"]}, [],
        [NOT_GUARDED, "      # - table: vtb-system        # to i-a; system table, of vSwitches public",
         "      #   destination: 10.9.0.0/16"],
    ),
    "what leads elsewhere": (
        entries(entry("i-a"), entry(None, destination="10.1.0.0/16"), entry("i-b", "vtb-system"),
                entry("vpn-1", destination="10.2.0.0/16", next_hop=NextHop(HopKind.OTHER, "vpn-1")),
                entry("i-a", destination="1.1.1.1/32", description=LANE)), {"tables": ["vtb-1"]}, [], [],
    ),
    "only what goes through the gateway asked for": (
        entries(entry("i-a"), entry("i-b", "vtb-system")), {"gateways": ["i-a"]}, [], [],
    ),
    "a table that leads nowhere yet": (
        entries(), {"gateways": ["i-a"], "tables": ["vtb-1"]}, [], [],
    ),
    "an EIP that could follow": (
        {"machines": (replace(A, own_ip="", eip="eip-a", eip_address="198.51.100.1"), B, HOST)}, {}, [],
        [*FOLLOW, "    # address: {follow: eip-a}     # 198.51.100.1, now on i-a"],
    ),
    "an EIP beside two homes": (
        {"machines": (replace(A, own_ip="", eip="eip-a", eip_address="198.51.100.1"), B, HOST),
         **entries(entry("i-a"), entry("i-b", "vtb-system"))}, {}, [*OTHERS, NETWORKS[1]],
        [GATEWAY_B, "        prefer: i-a", TO_SYSTEM, "        prefer: i-b",
         "        probe: natkeeper-probe-2   # looks through i-b, which the first probe does not see", BOTH],
    ),
    "a managed NAT Gateway": (
        {"nat_gateways": (replace(NAT, addresses=("198.51.100.8", "198.51.100.9"), snat=True),)},
        {}, [], ["    # fallback: ngw-1              # managed NAT Gateway nat: 198.51.100.8, 198.51.100.9"],
    ),
    "one that would drop everything": (
        {"nat_gateways": (replace(NAT, name=""),)}, {}, [],
        ["    # fallback: ngw-1              # managed NAT Gateway: no address, and no SNAT entry yet"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_thing_has_its_lines_and_changes_no_other(case: Case) -> None:
    """Every other line stays as it was."""
    there, asked, gone, new = case
    lines = [
        *difflib.ndiff(
            DRAFT.splitlines(), draft(replace(USUAL, **there), region="cn-hangzhou", **asked).text.splitlines()
        )
    ]
    assert [line[2:] for line in lines if line[0] == "-"] == gone
    assert [line[2:] for line in lines if line[0] == "+"] == new


@pytest.mark.parametrize(
    "there, asked, differs",
    [
        ({"machines": (replace(A, groups=()), HOST)}, {}, {"securityGroup": "(one of the VPC)"}),
        ({"machines": (HOST,)}, {}, {"securityGroup": "(one of the VPC)"}),
        ({"vswitches": (OUTSIDE,)}, {}, {"vswitch": "(no vSwitch is bound to vtb-1: bind one)"}),
        ({"vswitches": (replace(OUTSIDE, table="vtb-1"), INSIDE)}, {}, {}),
        ({"vswitches": (replace(OUTSIDE, table="vtb-1"),)}, {}, {"vswitch": "vsw-out"}),
        ({}, {"name": "two"}, {"group": "two"}),
    ],
)
def test_s_yaml_is_told_where_the_probe_stands(
    there: dict[str, Any], asked: dict[str, Any], differs: dict[str, str]
) -> None:
    """In a vSwitch of the table, without a gateway where there is one; what is unknown stands in brackets."""
    assert draft(replace(USUAL, **there), region="cn-hangzhou", **asked).variables == {**VARIABLES, **differs}


def test_each_gateway_that_carries_a_route_gets_a_probe_where_one_can_stand() -> None:
    """Not in a table that the first probe is behind, nor in one without a vSwitch, and one for each gateway."""
    tables = [f"vtb-{number}" for number in range(1, 7)]
    hops = dict(zip(tables, ("i-a", "i-a", "i-b", "i-b", "i-c", "i-d"), strict=True))
    places = tuple(replace(INSIDE, id=f"vsw-{table}", table=table) for table in tables if table != "vtb-5")
    there = {table: (entry(hop, table),) for table, hop in hops.items()}
    found = replace(USUAL, vswitches=places, entries={**there, "vtb-1": (entry("i-a"), entry("i-d", "vtb-1"))})
    wanted = [
        DraftedProbe("natkeeper-probe-2", "vtb-3", "vsw-vtb-3"),
        DraftedProbe("natkeeper-probe-3", "vtb-6", "vsw-vtb-6"),
    ]
    drafted = draft(found, region="cn-hangzhou")
    assert [*drafted.probes] == wanted
    assert drafted.summary == "4 gateway(s), 7 route(s)"


NOTHING = "vpc-1 has no custom route through an instance, so there is nothing to guard"
WHAT = "name both with --gateway and --table: its tables are vtb-1 (Custom), vtb-system (System)"
PUBLIC = f"{WHAT}; instances with a public address: i-a, i-b"


@pytest.mark.parametrize(
    "there, asked, what, do",
    [
        (entries(), {}, NOTHING, PUBLIC),
        ({**entries(), "machines": (HOST,)}, {}, NOTHING, f"{WHAT}; instances with a public address: none"),
        (entries(), {"tables": ["vtb-1"]}, NOTHING, PUBLIC),
        ({}, {"gateways": ["i-b"]}, NOTHING.replace("an instance", "i-b"), PUBLIC),
        ({}, {"gateways": ["i-b", "i-host"]}, NOTHING.replace("an instance", "i-b or i-host"), PUBLIC),
        ({}, {"tables": ["vtb-8", "vtb-1", "vtb-9"]}, "vpc-1 has no route table vtb-8, vtb-9",
         "its tables are: vtb-1, vtb-system"),
        ({}, {"gateways": ["i-c"]}, "i-c is not in vpc-1", "its instances are: i-a, i-b, i-host"),
        ({"machines": ()}, {"gateways": ["i-c"]}, "i-c is not in vpc-1", "its instances are: none"),
    ],
)  # fmt: skip
def test_what_cannot_be_guarded_is_refused_with_what_there_is(
    there: dict[str, Any], asked: dict[str, Any], what: str, do: str
) -> None:
    """And says no more than is so."""
    with pytest.raises(Wrong) as refused:
        draft(replace(USUAL, **there), region="cn-hangzhou", **asked)
    assert (refused.value.what, refused.value.do) == (what, do)


@pytest.mark.parametrize(
    "name, group",
    [("Prod VPC", "prod-vpc"), ("--a__b--", "a-b"), ("9 lives", "main"), ("生产", "main"), ("a" * 40, "a" * 31)],
)
def test_a_group_is_called_like_its_vpc_where_it_may_be(name: str, group: str) -> None:
    """A name of a group is lower-case letters, digits and hyphens."""
    assert draft(replace(USUAL, vpc=replace(VPC, name=name)), region="cn-hangzhou").group == group
