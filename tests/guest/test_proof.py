"""What a gateway reaches itself, and how a private host is made for a moment to see whether it gets through."""

from __future__ import annotations

import json

import pytest

from tests.guest.tools import ToolFolder

WEB, DNS = "http://www.aliyun.com/ www.aliyun.com:80", "tcp://223.5.5.5:53 223.5.5.5:53"
EGRESS = """look() {{
    echo "$1|$2" >>$ROOT/looks
    case $2 in
    http*) ANSWER='{web}' PEER=1.2.3.4 && [ -n "$ANSWER" ] ;;
    *) ANSWER='' PEER=223.5.5.5 && {dns} ;;
    esac
}}
STATE=running NEED={need} TARGETS='{targets}'
egress
echo "$EGRESS|$SEEN|${{TARGET:-}}|${{RESOLVE:-}}|${{THERE:-}}
$PROBLEMS
$UNASKED"
"""
BOTH = f"{WEB}\n{DNS}\n"
BY_WEB = "http://www.aliyun.com/|www.aliyun.com:80:1.2.3.4|1.2.3.4"
BY_DNS = "tcp://223.5.5.5:53|223.5.5.5:53:223.5.5.5|223.5.5.5"


def egress(
    machine: ToolFolder, targets: str = BOTH, *, web: str = "", dns: str = "false", need: str = "required"
) -> tuple[str, ...]:
    """Return what was seen, the problem, why nothing was asked, and then what was."""
    machine.write("looks", "")
    said = machine.out(EGRESS.format(targets=targets, web=web, dns=dns, need=need)).split("\n")
    return *said[:3], *machine.read("looks").split()


@pytest.mark.parametrize("need, problem", [("required", "egress_failed"), ("optional", "")])
@pytest.mark.parametrize(
    "targets, curl, said",
    [
        ("", True, "no egress target was named"),
        (BOTH, False, "this machine has no curl, so no egress target was asked"),
    ],
)
def test_what_was_not_asked_is_said(
    machine: ToolFolder, targets: str, said: str, need: str, problem: str, *, curl: bool
) -> None:
    """It is a problem only where a target was named and an answer is required."""
    if curl:
        machine.program("curl")
    expected = f'{{"code":"{problem}","message":"{said}"}}' if problem and targets else ""
    assert egress(machine, targets, need=need)[:3] == ("untested||||", expected, said)


@pytest.mark.parametrize(
    "web, dns, seen, asked",
    [
        ("from 47.1.2.3, port 9", "true", f"ok|47.1.2.3|{BY_WEB}", 1),
        ("47.1.2.3 8.8.8.8", "true", f"ok|47.1.2.3|{BY_WEB}", 1),
        ("hello 1.2.3", "false", f"ok||{BY_WEB}", 2),
        ("hello", "true", f"ok||{BY_DNS}", 2),
        ("", "true", f"ok||{BY_DNS}", 2),
        ("x" * 392 + " 47.1.2.3", "true", f"ok||{BY_DNS}", 2),
        ("x" * 391 + " 47.1.2.3", "true", f"ok|47.1.2.3|{BY_WEB}", 1),
        ("", "false", "failed||||", 2),
    ],
)
def test_targets_are_asked_until_one_says_where_we_come_from(
    machine: ToolFolder, web: str, dns: str, seen: str, asked: int
) -> None:
    """The last that answered is what private hosts are proven with; an address is looked for in 400 characters."""
    machine.program("curl")
    problem = '{"code":"egress_failed","message":"no egress target answered this gateway itself"}'
    looks = ["|http://www.aliyun.com/", "|tcp://223.5.5.5:53"]
    said = egress(machine, web=web, dns=dns)
    assert said == (seen, problem if seen.startswith("failed") else "", "", *looks[:asked])
    assert egress(machine, web=web, dns=dns, need="optional")[1] == ""


# ---- a host for a moment

MADE = """INTERFACES='eth0 eth1' INPUT=eth1 ZONE=public THERE=1.2.3.4 TARGET=http://t RESOLVE=t:80:1.2.3.4 BY=''
private_host; echo "$? $BY|$CLSACT"
host_is 10.0.1.9; echo "$?|$HOSTS"
"""
CLEARED = [
    "timeout : 40 firewall-cmd --zone=public --remove-interface=nkprobe0",
    "tc : filter del dev eth1 egress pref 7077",
    "ip : rule del pref 77",
    "ip : route flush table 7077",
    "ip : link del nkprobe0",
    "ip : netns del nkprobe",
]
BEGUN = [
    "ip : netns add nkprobe",
    "ip : link add nkprobe0 address 02:4e:4b:00:77:02 type veth peer name nkprobe1",
    "ip : link set nkprobe1 netns nkprobe",
    "ip : addr add 169.254.77.1/32 dev nkprobe0",
    "ip : link set nkprobe0 up",
    "ip : netns exec nkprobe ip link set nkprobe1 address 02:4e:4b:00:77:01 up",
]
MATCH, REDIRECT = "protocol ip u32", "action mirred egress redirect dev"
BY_TC = [
    "tc : qdisc add dev nkprobe0 ingress",
    "tc : filter add dev nkprobe0 parent ffff: protocol ip u32 match u32 0 0 action mirred ingress redirect dev eth1",
]
CLSACT = "tc : qdisc add dev eth1 clsact"
BY_ZONE = "timeout : 40 firewall-cmd --zone=public --add-interface=nkprobe0"
INSIDE = "ip : netns exec nkprobe ip "
ADDRESSED = [
    f"{INSIDE}addr add 10.0.1.9/32 dev nkprobe1",
    f"{INSIDE}route replace 169.254.77.1 dev nkprobe1 src 10.0.1.9",
    f"{INSIDE}neigh replace 169.254.77.1 lladdr 02:4e:4b:00:77:02 dev nkprobe1 nud permanent",
    f"{INSIDE}route replace default via 169.254.77.1 src 10.0.1.9",
]
TURNED = [
    f"tc : filter add dev eth1 egress pref 7077 {MATCH} match ip dst 10.0.1.9/32 {REDIRECT} nkprobe0",
    "ip : neigh replace 10.0.1.9 lladdr 02:4e:4b:00:77:01 dev eth1 nud permanent",
]
BACK = [
    "ip : route replace 10.0.1.9/32 dev {} table 7077",
    *(f"ip : rule add pref 77 iif eth{number} to 10.0.1.9/32 lookup 7077" for number in (0, 1)),
]


def made(machine: ToolFolder, refused: str = "", tc: str | None = "") -> list[str]:
    """Return what is said where one call of ip is refused; of tc as well, or there is none."""
    machine.program("timeout")
    for name, fails in (("ip", refused), ("tc", tc)):
        if fails is not None:
            refuses = f"case \"$*\" in 'rule del pref 77'|{fails!r}) echo noise >&2; exit 2 ;; esac"
            machine.program(name, refuses)
    return machine.out(MADE).splitlines()


def test_a_private_host_comes_in_where_real_ones_do(machine: ToolFolder) -> None:
    """What an ended run left goes first; answers leave by the same interface and are turned round before the wire."""
    assert made(machine) == ["0 by eth1|yes", "0| 10.0.1.9"]
    expected = [*CLEARED, *BEGUN, *BY_TC, CLSACT, *ADDRESSED, *TURNED, *(line.format("eth1") for line in BACK)]
    assert machine.calls() == expected


@pytest.mark.parametrize("refused", [TURNED[0], TURNED[1]])
def test_answers_go_back_directly_where_tc_cannot_turn_them(machine: ToolFolder, refused: str) -> None:
    """And no neighbour is noted then."""
    name, _, call = refused.partition(" : ")
    said = made(machine, call if name == "ip" else "", call if name == "tc" else "")
    assert said == ["0 by eth1|yes", "0|"]
    assert machine.calls()[-3:] == [line.format("nkprobe0") for line in BACK]


def test_an_interface_that_has_clsact_keeps_it(machine: ToolFolder) -> None:
    """Other people's filters stand there."""
    assert made(machine, tc=CLSACT.removeprefix("tc : ")) == ["0 by eth1|", "0| 10.0.1.9"]


@pytest.mark.parametrize("tc", [None, *(line.removeprefix("tc : ") for line in BY_TC)])
def test_without_tc_the_host_joins_the_zone(machine: ToolFolder, tc: str | None) -> None:
    """Its route is the main table's then."""
    assert made(machine, tc=tc) == ["0 by an interface in zone public|", "0|"]
    assert BY_ZONE in machine.calls()
    assert machine.calls()[-5:] == [*ADDRESSED, "ip : route replace 10.0.1.9/32 dev nkprobe0"]


@pytest.mark.parametrize("line", BEGUN)
def test_a_host_that_cannot_be_made_is_none(machine: ToolFolder, line: str) -> None:
    """Nothing more is tried."""
    assert made(machine, line.removeprefix("ip : "))[0] != "0 by eth1|yes"
    calls = machine.calls()
    assert calls.index(line) == len(CLEARED) + BEGUN.index(line)
    assert BY_TC[0] not in calls


@pytest.mark.parametrize("line", [*ADDRESSED, BACK[0].format("eth1")])
def test_an_address_that_cannot_be_given_is_none(machine: ToolFolder, line: str) -> None:
    """The host cannot stand for its network."""
    assert made(machine, line.removeprefix("ip : "))[1].partition("|")[0] != "0"


def test_nothing_of_the_host_is_left(machine: ToolFolder) -> None:
    """What was there before stays: only a clsact of its own goes; each rule goes, until none is left."""
    machine.write("rules", "xx")
    machine.program(
        "ip",
        """[ "$*" != 'rule del pref 77' ] || {
        left=$(cat $NATKEEPER_ROOT/rules); [ -n "$left" ] && echo "${left#x}" >$NATKEEPER_ROOT/rules; }""",
    )
    machine.program("tc")
    machine.program("timeout")
    code = "INPUT=eth1 ZONE=public CLSACT={} HOSTS=' 10.0.1.9 10.0.2.9'; unprove; echo \"$CLSACT|$HOSTS\""
    assert machine.out(code.format("yes")) == "|\n"
    neighbours = [f"ip : neigh del 10.0.{number}.9 dev eth1" for number in (1, 2)]
    expected = [*CLEARED[:2], "tc : qdisc del dev eth1 clsact", *neighbours, *[CLEARED[2]] * 3, *CLEARED[3:]]
    assert machine.calls() == expected
    machine.write("calls", "")
    machine.out(code.format("''"))
    assert "tc : qdisc del dev eth1 clsact" not in machine.calls()


SEE = """ip() {{ {routed}; }}
host_is() {{ echo "host $1" >>$ROOT/calls; {made}; }}
look() {{ echo "look $*" >>$ROOT/calls; tries=$((tries + 1)); [ $tries = {good} ]; }}
zones_of() {{ printf %s '{elsewhere}'; }}
claimed() {{ printf %s ' (why of '$1')'; }}
tries=0 in='inside' THERE=1.2.3.4 INPUT=eth1 TARGET=http://t RESOLVE=t:80:1.2.3.4 BY='{by}'
see 10.0.1.9 10.0.1.0/24
echo "$RESULT|$SAID"
"""
LOOKS = "look inside http://t --resolve t:80:1.2.3.4"
SEEN = "seen from 10.0.1.9 by eth1"


@pytest.mark.parametrize(
    "change, expected, looks",
    [
        ({}, f"proven|{SEEN}", 1),
        ({"good": 2}, f"proven|{SEEN}", 2),
        ({"good": 3}, "refused|http://t answers the gateway itself but not 10.0.1.9 behind it (why of 10.0.1.0/24)", 2),
        ({"elsewhere": "; zone x"}, f"unproven|{SEEN}, which is not all of it; zone x", 1),
        ({"by": ""}, "unproven|no network namespace could be made here", 0),
        ({"made": "return 1"}, "unproven|no network namespace could be made here", 0),
        (
            {"routed": "echo no route; return 2"},
            "refused|the kernel drops what comes from it by eth1 (reverse-path filter, ip rule or route): no route",
            0,
        ),
    ],
)
def test_a_network_is_proven_by_a_host_of_its_own(
    machine: ToolFolder, change: dict[str, object], expected: str, looks: int
) -> None:
    """A look that fails is repeated once; what the kernel would drop needs none."""
    kinds = {
        "routed": 'echo "$*" >>$ROOT/asked',
        "made": ":",
        "good": 1,
        "elsewhere": "",
        "claimed": "why",
        "by": "by eth1",
    }
    assert machine.out(SEE.format(**kinds | change)) == f"{expected}\n"
    assert [call for call in machine.calls() if call.startswith("look")] == [LOOKS] * looks
    if "routed" not in change:
        assert machine.read("asked") == "route get 1.2.3.4 from 10.0.1.9 iif eth1\n"


PROVE = """private_host() {{ echo made >>$ROOT/calls; BY=by; {made}; }}
unprove() {{ echo gone >>$ROOT/calls; }}
see() {{
    echo "see $1 $2 by '$BY'" >>$ROOT/calls
    SAID="said $2"
    case $1 in 10*) RESULT=proven ;; 11*) RESULT=refused ;; *) RESULT=unproven ;; esac
}}
UNASKED='{unasked}' EGRESS={egress} STATE={state} PROVE='{order}'
prove
echo "$FORWARDING|$WHY"
echo "$NETWORKS"
"""


def prove(machine: ToolFolder, order: str, **kinds: str) -> tuple[str, list[str]]:
    """Return the verdict on forwarding, and that on each network."""
    filled = {"made": ":", "unasked": "", "egress": "ok", "state": "running"} | kinds
    verdict, networks = machine.out(PROVE.format(order=order, **filled)).split("\n")[:2]
    found = json.loads(f"[{networks}]")
    assert all(each["note"] == f"said {each['network']}" for each in found)
    return verdict, [f"{each['network']} {each['forwarding']}" for each in found]


WELL, BAD, DIM = "10.0.1.9 10.0.1.0/24", "11.0.1.9 11.0.1.0/24", "12.0.1.9 12.0.1.0/24"


@pytest.mark.parametrize(
    "order, verdict, networks",
    [
        ([WELL], "proven|said 10.0.1.0/24", ["10.0.1.0/24 proven"]),
        ([WELL, BAD], "refused|11.0.1.0/24: said 11.0.1.0/24;", ["10.0.1.0/24 proven", "11.0.1.0/24 refused"]),
        ([DIM, WELL], "unproven|said 12.0.1.0/24", ["12.0.1.0/24 unproven", "10.0.1.0/24 proven"]),
        ([BAD, DIM], "refused|11.0.1.0/24: said 11.0.1.0/24;", ["11.0.1.0/24 refused", "12.0.1.0/24 unproven"]),
        (
            [BAD, BAD.replace("11.0.1", "11.0.2")],
            "refused|11.0.1.0/24: said 11.0.1.0/24; 11.0.2.0/24: said 11.0.2.0/24;",
            ["11.0.1.0/24 refused", "11.0.2.0/24 refused"],
        ),
    ],
)
def test_forwarding_is_what_its_weakest_network_is(
    machine: ToolFolder, order: list[str], verdict: str, networks: list[str]
) -> None:
    """One host is made for all, and goes in the end."""
    assert prove(machine, "".join(f"{line}\n" for line in order)) == (verdict, networks)
    assert machine.calls() == ["made", *(f"see {line} by 'by'" for line in order), "gone"]


def test_a_host_that_was_not_made_comes_by_nothing(machine: ToolFolder) -> None:
    """Each network is told so."""
    prove(machine, f"{DIM}\n", made="return 1")
    assert machine.calls() == ["made", f"see {DIM} by ''", "gone"]


@pytest.mark.parametrize(
    "kinds, why",
    [
        ({"egress": "failed"}, "the gateway itself reaches no egress target"),
        ({"egress": "untested", "unasked": "no curl"}, "no curl"),
        ({"state": "stopped"}, "the gateway itself reaches no egress target"),
        ({"state": "missing"}, "the gateway itself reaches no egress target"),
        ({"order": ""}, "no private network was named"),
    ],
)
def test_what_cannot_be_proven_is_not_tried(machine: ToolFolder, kinds: dict[str, str], why: str) -> None:
    """And counts as unproven, with the reason."""
    order = kinds.pop("order", f"{WELL}\n")
    assert prove(machine, order, **kinds) == (f"unproven|{why}", [])
    assert machine.calls() == []
