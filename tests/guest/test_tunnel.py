"""The program that natkeeper's unit runs on a gateway: it loads the tunnel, watches the peers and arms a move."""

from __future__ import annotations

import subprocess

import pytest

from tests.guest.tools import ToolFolder

ONE, TWO = "10.0.0.12", "255.254.1.16"
MACS = {"10.0.0.11": "02:4e:0a:00:00:0b", ONE: "02:4e:0a:00:00:0c", TWO: "02:4e:ff:fe:01:10"}
STOPS = ["nft : delete table ip natkeeper", "ip : link del natkeeper0"]
DEVICE = [
    (
        f"ip : link add natkeeper0 address {MACS['10.0.0.11']} mtu 1500 type vxlan id 77 local 10.0.0.11 dstport 4790"
        " nolearning"
    ),
    (
        "sysctl : -qw net.ipv4.conf.natkeeper0.rp_filter=2 net.ipv4.neigh.natkeeper0.retrans_time_ms=300"
        " net.ipv4.neigh.natkeeper0.ucast_solicit=5"
    ),
    "ip : addr add 10.0.0.11/32 dev natkeeper0 scope link",
    "ip : link set natkeeper0 up",
]


def leads(number: int, peer: str) -> list[str]:
    """Return what makes a next hop of a peer."""
    return [
        f"bridge : fdb append {MACS[peer]} dev natkeeper0 dst {peer}",
        f"ip : route add 169.254.78.{number} dev natkeeper0",
        f"ip : neigh add 169.254.78.{number} lladdr {MACS[peer]} dev natkeeper0 nud permanent",
    ]


LOADS = ["nft : -f {}/etc/natkeeper/table.nft", "nft : list table ip natkeeper"]
ALL = [*STOPS, *DEVICE, *leads(1, ONE), *leads(2, TWO), *LOADS]


@pytest.fixture
def tunnel(quiet: ToolFolder) -> ToolFolder:
    """A gateway whose programs do as they are asked."""
    for name in ("ip", "bridge", "sysctl", "nft", "sleep"):
        quiet.program(name)
    (quiet.folder / "run").mkdir()
    return quiet


def call(machine: ToolFolder, what: str, peers: str = f"{ONE} {TWO}") -> subprocess.CompletedProcess[str]:
    """Call the program of a gateway with these peers."""
    machine.write("table.sh", machine.out(f"OWN_IP=10.0.0.11 PEERS='{peers}' INPUT=eth0; table_program"))
    return machine.sh(f"exec sh {machine.folder}/table.sh {what}")


@pytest.mark.parametrize(
    "peers, calls",
    [("", [*STOPS, *LOADS]), (ONE, [*STOPS, *DEVICE, *leads(1, ONE), *LOADS]), (f"{ONE} {TWO}", ALL)],
)
def test_loading_makes_the_tunnel_and_then_the_table(tunnel: ToolFolder, peers: str, calls: list[str]) -> None:
    """A device with an address of its own, a next hop a peer; and what it was before goes first."""
    tunnel.program("nft", "[ $1 != list ] || printf 'chain x\\nelements = { a }\\n}\\n'")
    tunnel.write("run/natkeeper.peers", f"{ONE}\n")
    ended = call(tunnel, "load", peers)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert tunnel.calls() == [each.format(tunnel.folder) for each in calls]
    assert tunnel.read("run/natkeeper.table") == "chain x\n}\n"
    assert not (tunnel.folder / "run/natkeeper.peers").exists()


def test_a_kernel_without_some_settings_has_a_tunnel_all_the_same(tunnel: ToolFolder) -> None:
    """They are good to have. What is not there cannot be stopped, and nothing is said of it."""
    tunnel.program("sysctl", "exit 255")
    tunnel.program("nft", "case $1 in delete) echo no table >&2; exit 1 ;; list) echo x ;; esac")
    ended = call(tunnel, "load")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert len(tunnel.calls()) == len(ALL)


@pytest.mark.parametrize("failing", [*DEVICE[:1], *DEVICE[2:], *leads(1, ONE), *leads(2, TWO), LOADS[0]])
def test_a_step_of_loading_that_fails_ends_it(tunnel: ToolFolder, failing: str) -> None:
    """The reason is printed; a table without its tunnel is worse than none."""
    name, _, arguments = failing.format(tunnel.folder).partition(" : ")
    tunnel.program(name, f'[ "$*" != "{arguments}" ] || {{ echo refused >&2; exit 2; }}')
    ended = call(tunnel, "load")
    assert ended.returncode != 0
    assert ended.stdout == "refused\n"
    assert tunnel.calls()[-1] == failing.format(tunnel.folder)
    assert not (tunnel.folder / "run/natkeeper.table").exists()


def test_stopping_leaves_nothing(tunnel: ToolFolder) -> None:
    """Neither table nor device nor what was noted; of what is not there, nothing is said."""
    for name in ("nft", "ip"):
        tunnel.program(name, "echo no such thing >&2; exit 1")
    for name in ("table", "peers"):
        tunnel.write(f"run/natkeeper.{name}", "x\n")
    ended = call(tunnel, "stop")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert tunnel.calls() == STOPS
    assert not list((tunnel.folder / "run").iterdir())


# ---- watching

IP = """case "$*" in
"link show natkeeper0") [ -e state.$n ] ;;
"neigh show "*) sed -n "s/^$3 /$3 dev natkeeper0 lladdr x /p" state.$n ;;
esac"""
NFT = """case "$*" in
"list table ip natkeeper") cat table.$n 2>/dev/null || cat table ;;
"list map ip natkeeper old") cat old ;;
esac"""
ASKED = ("ip : link show", "ip : neigh show", "nft : list", "sleep : ")


def watch(machine: ToolFolder, *rounds: str, table: str = "", old: str = "") -> list[list[str]]:
    """Return what each round changed; in each, peers have the states of a line like `REACHABLE STALE`, - for none."""
    here = f"cd {machine.folder}; n=$(cat round)\n"
    for number, states in enumerate(rounds):
        pairs = zip((ONE, TWO), states.split(), strict=False)
        machine.write(f"state.{number}", "".join(f"{peer} {state}\n" for peer, state in pairs if state != "-"))
    for name, text in (("table", table), ("old", old), ("round", "0\n")):
        machine.write(name, text)
    machine.program("ip", here + IP)
    machine.program("nft", here + NFT)
    machine.program("sleep", here + "echo $((n + 1)) >round")
    ended = call(machine, "watch")
    assert (ended.returncode, ended.stdout) == (0, "")
    done: list[list[str]] = [[]]
    for each in machine.calls():
        if each.startswith("sleep : "):
            assert each == "sleep : 0.5"
            done.append([])
        elif not each.startswith(ASKED):
            done[-1].append(each)
    assert done.pop() == []
    return done


def probe(peer: str) -> str:
    """Return how a peer is asked again."""
    return f"ip : neigh replace {peer} lladdr {MACS[peer]} dev natkeeper0 nud probe"


def learns(number: int) -> str:
    """Return how the next hop of a peer is filled in."""
    return f"nft : add element ip natkeeper peer{number} {{ eth0 : 169.254.78.{number} }}"


def forgets(name: str) -> str:
    """Return how a map is emptied."""
    return f"nft : flush map ip natkeeper {name}"


SERVES, ENDS = "nft : add element ip natkeeper served { eth0 }", "nft : flush set ip natkeeper served"
SERVED = '{ "eth0" }\n'
FULL = SERVED + 'elements = { "eth0" : 169.254.78.1 }\nelements = { "eth0" : 169.254.78.2 }\n'


@pytest.mark.parametrize(
    "rounds, table, done, alive",
    [
        (["- -"], "", [[probe(ONE), probe(TWO)]], None),
        (["FAILED STALE"], "", [[probe(ONE), probe(TWO)]], None),
        (["PROBE PROBE"], "", [[]], None),
        (["REACHABLE -"], "", [[probe(ONE), learns(1), probe(TWO), SERVES]], ONE),
        (["- REACHABLE"], "", [[probe(ONE), probe(TWO), learns(2), SERVES]], TWO),
        (["REACHABLE REACHABLE"], FULL, [[probe(ONE), probe(TWO)]], f"{ONE} {TWO}"),
        (["REACHABLE REACHABLE"], SERVED + 'elements = { "eth0" : 169.254.78.2 }\n',
         [[probe(ONE), learns(1), probe(TWO)]], f"{ONE} {TWO}"),
        (["REACHABLE REACHABLE"], FULL.replace("78.1", "78.10"), [[probe(ONE), learns(1), probe(TWO)]], f"{ONE} {TWO}"),
        (["REACHABLE -"], FULL.replace(SERVED, '{ "eth1" }\n'), [[probe(ONE), probe(TWO), SERVES]], ONE),
        (["- -"], SERVED, [[probe(ONE), probe(TWO), ENDS]], None),
        (["REACHABLE REACHABLE", "PROBE PROBE"], FULL, [[probe(ONE), probe(TWO)], []], f"{ONE} {TWO}"),
        (["REACHABLE REACHABLE", "PROBE STALE"], FULL,
         [[probe(ONE), probe(TWO)], [probe(TWO), forgets("peer2")]], ONE),
        (["REACHABLE REACHABLE", "FAILED REACHABLE"], FULL,
         [[probe(ONE), probe(TWO)], [probe(ONE), forgets("peer1"), probe(TWO)]], TWO),
        (["REACHABLE REACHABLE", "FAILED -", "FAILED -"], FULL,
         [[probe(ONE), probe(TWO)], [probe(ONE), forgets("peer1"), probe(TWO), forgets("peer2"), ENDS],
          [probe(ONE), probe(TWO), ENDS]], ""),
        (["REACHABLE -", "PROBE PROBE", "FAILED PROBE"], FULL,
         [[probe(ONE), probe(TWO)], [], [probe(ONE), forgets("peer1"), ENDS]], ""),
    ],
)  # fmt: skip
def test_watching_fills_in_who_answers_and_forgets_who_does_not(
    tunnel: ToolFolder, rounds: list[str], table: str, done: list[list[str]], alive: str | None
) -> None:
    """A peer that is just being asked stays what it was; the file names those that answer, in order."""
    assert watch(tunnel, *rounds, table=table) == done
    noted = tunnel.folder / "run/natkeeper.peers"
    assert (noted.read_text() if noted.exists() else None) == (None if alive is None else f"{alive}\n")


@pytest.mark.parametrize("old, also", [("1", True), ("2", False), ("10", False)])
def test_a_move_that_is_armed_ends_with_its_peer(tunnel: ToolFolder, old: str, *, also: bool) -> None:
    """Its flows would be sent to a gateway that is gone; those of another peer go on."""
    armed = f'elements = {{ "eth0" timeout 5m expires 4m : 169.254.78.{old} }}\n'
    done = watch(tunnel, "REACHABLE -", "FAILED -", table=FULL, old=armed)
    assert done[1] == [probe(ONE), forgets("peer1"), *([forgets("old")] if also else []), probe(TWO), ENDS]


def test_watching_ends_when_the_table_is_gone(tunnel: ToolFolder) -> None:
    """Then systemd loads it anew; the same where the device is gone. Without peers there is nothing to watch."""
    tunnel.program("nft", "exit 1")
    assert call(tunnel, "watch").returncode == 0
    assert tunnel.calls() == ["ip : link show natkeeper0", "nft : list table ip natkeeper"]
    tunnel.write("calls", "")
    assert call(tunnel, "watch", "").returncode == 0
    assert tunnel.calls() == ["sleep : infinity"]


# ---- arming


@pytest.mark.parametrize("peer, number", [(ONE, 1), (TWO, 2)])
def test_a_move_is_armed_towards_a_peer_that_answers(tunnel: ToolFolder, peer: str, number: int) -> None:
    """For the seconds that are asked for; what was armed before ends."""
    tunnel.write("run/natkeeper.peers", f"{ONE} {TWO}\n")
    ended = call(tunnel, f"arm {peer} 90")
    assert (ended.returncode, ended.stdout) == (0, "armed\n")
    added = f"nft : add element ip natkeeper old {{ eth0 timeout 90s : 169.254.78.{number} }}"
    assert tunnel.calls() == [forgets("old"), added]


@pytest.mark.parametrize("alive", [TWO, "10.0.0.120", "110.0.0.12", ""])
def test_no_move_is_armed_towards_a_peer_that_is_silent(tunnel: ToolFolder, alive: str) -> None:
    """It would lose every flow that it is meant to keep."""
    tunnel.write("run/natkeeper.peers", f"{alive}\n")
    ended = call(tunnel, f"arm {ONE} 90")
    assert (ended.returncode, ended.stdout) == (3, f"{ONE} does not answer by the tunnel (4790/udp)\n")
    assert tunnel.calls() == []


@pytest.mark.parametrize("failing", ["flush", "add"])
def test_a_move_that_cannot_be_armed_says_so(tunnel: ToolFolder, failing: str) -> None:
    """Nothing is called armed that is not."""
    tunnel.write("run/natkeeper.peers", f"{ONE}\n")
    tunnel.program("nft", f"[ $1 != {failing} ] || {{ echo no table >&2; exit 1; }}")
    ended = call(tunnel, f"arm {ONE} 90")
    assert (ended.returncode, ended.stdout) == (1, "no table\n")
