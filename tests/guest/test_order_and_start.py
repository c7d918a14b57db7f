"""The order as the script reads it, what a zone needs to forward, and what comes before firewalld's start."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from tests.guest.tools import ToolFolder

ORDER = "mode apply\nsource 10.0.0.0/8\n"


def packed(order: str) -> str:
    """Return an order as it comes to the gateway."""
    return base64.b64encode(gzip.compress(order.encode())).decode()


def read(machine: ToolFolder, order: str, *names: str) -> dict[str, str]:
    """Return what some variables are after the order was read."""
    shown = "".join(f'printf "%s\\0" "${name}"; ' for name in names)
    values = machine.out(f"NK_PARAMETERS='{packed(order)}'; read_parameters; {shown}").split("\0")
    return dict(zip(names, values, strict=False))


KEYS = {
    "zone internal": ("WANTED_ZONE", "internal"),
    "interface eth0\ninterface eth1": ("INTERFACES", "eth0 eth1"),
    "source 172.16.0.0/12": ("SOURCES", "10.0.0.0/8 172.16.0.0/12"),
    "address follow": ("ADDRESS", "follow"),
    "primary 10.0.0.11\nprimary 10.0.0.12": ("PRIMARY", " 10.0.0.11 10.0.0.12"),
    "forward tcp 80 10.0.1.5 80 -\nforward udp any 10.0.1.6 any -": (
        "FORWARDS", "tcp 80 10.0.1.5 80 -\nudp any 10.0.1.6 any -\n"
    ),
    "target http://a/?b=1&c=%20 a:80": ("TARGETS", "http://a/?b=1&c=%20 a:80\n"),
    "egress required": ("NEED", "required"),
    "foreign remove": ("FOREIGN", "remove"),
    "prove 10.0.1.2 10.0.1.0/24": ("PROVE", "10.0.1.2 10.0.1.0/24\n"),
    "services report": ("SERVICES", "report"),
    "established 3600": ("ESTABLISHED", "3600"),
    "clamp remove": ("CLAMP", "remove"),
    "public 47.1.2.3": ("PUBLIC", " 47.1.2.3"),
    "proxy H4sI+/=": ("PROXY", "H4sI+/="),
    "relay on": ("RELAY", "on"),
    "way_in every": ("WAY_IN", "every"),
    "hidden tcp 10.0.1.5 80": ("HIDDEN", "tcp 10.0.1.5 80\n"),
    "proxy_port 80/tcp": ("PROXY_PORTS", "80/tcp\n"),
    "script 0123ab": ("SCRIPT", "0123ab"),
    "fingerprint ba9876": ("FINGERPRINT", "ba9876"),
}  # fmt: skip


@pytest.mark.parametrize("line", KEYS)
def test_each_line_of_an_order_has_its_variable(machine: ToolFolder, line: str) -> None:
    """Some may come several times."""
    name, value = KEYS[line]
    assert read(machine, f"{ORDER}\n{line}\n", name) == {name: value}


def test_an_order_has_defaults(machine: ToolFolder) -> None:
    """What is not said is optional, own, reported, kept."""
    wanted = {
        "MODE": "apply", "ADDRESS": "own", "NEED": "optional", "FOREIGN": "report", "SERVICES": "keep", "CLAMP": "add",
        "RELAY": "", "WAY_IN": "", "PROXY": "", "ESTABLISHED": "", "WANTED_ZONE": "", "INTERFACES": "",
    }  # fmt: skip
    assert read(machine, ORDER, *wanted) == wanted


@pytest.mark.parametrize(
    "order, said",
    [
        (None, "the parameters are cut or damaged"),
        ("H4sI", "the parameters are cut or damaged"),
        *((f"{ORDER}{line}\n", "a parameter is unknown or has a character that is not allowed") for line in (
            "colour red", "zone a;b", "zone $(x)", "zone a'b", 'zone a"b', "zone a\tb", "zone ä", "mode", "target a~b",
        )),
        *((order, "mode (apply, check), address (own, follow) and source are needed") for order in (
            "mode apply\n", "source 10.0.0.0/8\n", "mode remove\nsource 10.0.0.0/8\n", f"{ORDER}address any\n",
        )),
    ],
)  # fmt: skip
def test_a_wrong_order_is_refused_before_anything_is_done(machine: ToolFolder, order: str | None, said: str) -> None:
    """With a code of its own."""
    text = "" if order is None else order if order == "H4sI" else packed(order)
    if order and order.endswith("mode\n"):
        said = "mode (apply, check), address (own, follow) and source are needed"
    ended = machine.run(f"NK_PARAMETERS='{text}'; read_parameters; echo no")
    assert ended.returncode == 2
    assert json.loads(ended.stdout)["wrong"] == [{"code": "bad_parameters", "message": said}]


# ---- what it takes to forward

LISTED = "  target: {target}\n  interfaces: {interfaces}\n  ports: {ports}\n  forward: {forward}\n"
ESSENTIALS = """zone() {{ echo "$@"; }}; want() {{ echo "want $1"; }}; forward_sources() {{ echo sources; }}
ssh_ports() {{ echo 22; echo 2222; echo 22; }}
L='{listed}' INTERFACES='eth0 eth1' ZONE=public STATE={state} EFFECTIVE={effective} DEFAULT=public BOOT={boot}
essentials
echo "$MASQUERADE"
"""
WELL = {"target": "default", "interfaces": "eth0 eth1", "ports": "22/tcp 2222/tcp", "forward": "yes"}
LETS_IN = [f"ssh_closed port {port} of sshd is not open in zone public --add-port={port}/tcp" for port in (22, 2222)]
REST = ["want masquerade", "sources"]


@pytest.mark.parametrize(
    "change, state, effective, boot, expected",
    [
        ({}, "running", "public", "", [*REST, "true"]),
        ({}, "running", "public", "_at_boot", [*REST, ""]),
        ({"interfaces": "eth0"}, "running", "public", "", [
            "interface_unbound interface eth1 is not in zone public --change-interface=eth1", *REST, "true",
        ]),
        ({"forward": "no"}, "running", "public", "", [
            "forward_off zone public does not forward --add-forward", *REST, "true",
        ]),
        ({"forward": ""}, "running", "public", "", [*REST, "true"]),
        ({"ports": ""}, "running", "public", "", [*REST, "true"]),
        ({"ports": ""}, "stopped", "public", "", [*LETS_IN, *REST, "true"]),
        ({"ports": ""}, "running", "work", "", [*LETS_IN, *REST, "true"]),
        ({"ports": ""}, "running", "''", "", [*REST, "true"]),
        ({"ports": "22/tcp"}, "running", "work", "", [*LETS_IN[1:], *REST, "true"]),
        ({"ports": "", "target": "ACCEPT"}, "running", "work", "", [*REST, "true"]),
        ({"ports": "", "target": "%%REJECT%%"}, "running", "work", "", [*LETS_IN, *REST, "true"]),
    ],
)  # fmt: skip
def test_what_a_zone_needs_to_forward(
    machine: ToolFolder, change: dict[str, str], state: str, effective: str, boot: str, expected: list[str]
) -> None:
    """Before a zone begins to judge the operator's packets, sshd is let in: at a start, or where it is another."""
    listed = LISTED.format(**WELL | change)
    said = machine.out(ESSENTIALS.format(listed=listed, state=state, effective=effective, boot=boot))
    assert said.splitlines() == expected


BEGINS = """look_at() {{ echo "look $*"; {looks}; }}; keep_services() {{ echo services; {keeps}; }}
essentials() {{ echo essentials; {essentials}; }}; start() {{ echo "start $*"; {starts}; }}
missing() {{ echo "missing $*"; }}; learn_zone() {{ echo learn; }}; settle() {{ echo "settle $1"; BROKEN=''; }}
give_up() {{ echo gives up; exit 4; }}
FIX={fix} P=firewall-offline-cmd ZONE=public EFFECTIVE='' BROKEN=''
begin_stopped; echo "$? $P|$EFFECTIVE"
"""
LOOK, START = "look firewall-offline-cmd _at_boot", "start firewalld_stopped firewalld is not running"
UNMASK = "missing firewalld_masked firewalld is masked systemctl mask firewalld systemctl unmask firewalld"
STARTED = ["learn", "0 firewall-cmd --permanent|public"]
OFFLINE = "firewall-offline-cmd|"


@pytest.mark.parametrize(
    "change, enabled, before, expected",
    [
        ({}, "enabled", False, [LOOK, "services", "essentials", START, *STARTED]),
        ({}, "enabled", True, [LOOK, "essentials", START, *STARTED]),
        ({}, "masked-runtime", True, [LOOK, "essentials", UNMASK, START, *STARTED]),
        ({"looks": "return 1"}, "enabled", False, [LOOK, f"1 {OFFLINE}"]),
        ({"keeps": "return 1"}, "enabled", False, [LOOK, "services", f"1 {OFFLINE}"]),
        ({"fix": "no"}, "enabled", False, [LOOK, "services", "essentials", START, f"1 {OFFLINE}"]),
        ({"essentials": "BROKEN=x"}, "enabled", True, [LOOK, "essentials", "settle not_saved", START, *STARTED]),
        ({"essentials": "BROKEN=x"}, "enabled", False, [
            LOOK, "services", "essentials", START, "settle step_failed", *STARTED,
        ]),
        ({"starts": "BROKEN=x", "essentials": "settle() { echo no; return 1; }"}, "enabled", True, [
            LOOK, "essentials", START, "no", "gives up",
        ]),
    ],
)  # fmt: skip
def test_what_comes_before_firewalld_starts(
    machine: ToolFolder, change: dict[str, str], enabled: str, expected: list[str], *, before: bool
) -> None:
    """On a machine that was set up before, what could not be written keeps nobody from the internet."""
    machine.program("systemctl", f"echo {enabled}; exit 1")
    if before:
        machine.write("etc/systemd/system/firewalld.service.d/natkeeper.conf", "")
    kinds = {"looks": ":", "keeps": ":", "essentials": ":", "starts": ":", "fix": "yes"}
    assert machine.out(BEGINS.format(**kinds | change)).splitlines() == expected


@pytest.mark.parametrize(
    "journal, log, said",
    [
        ("a\nERROR: x\nb\nError: y\nc\n", "ERROR: z\n", "Error: y"),
        (None, "ERROR: w\nERROR: z\nfine\n", "ERROR: z"),
        (None, "fine\n", ""),
        (None, None, ""),
    ],
)
def test_the_last_error_of_a_failed_firewalld_is_told(
    machine: ToolFolder, journal: str | None, log: str | None, said: str
) -> None:
    """From the journal, or from its own file."""
    if journal is not None:
        machine.write("journal", journal)
        machine.program("journalctl", f"[ \"$*\" = '-q -u firewalld -n 200 -o cat' ] && cat {machine.folder}/journal")
    if log is not None:
        machine.write("var/log/firewalld", log)
    assert machine.out("last_error") == (f"{said}\n" if said else "")


INSTALL = """FIX={fix}
change() {{ echo "change $@"; }}; missing() {{ echo "missing $@"; }}
settle() {{ echo "settle $@"; {settled}; }}; give_up() {{ echo give_up; }}
install_firewalld"""
MASK, INSTALLED = "change systemctl unmask firewalld systemctl mask firewalld", "change : systemctl unmask firewalld"
MISSING = "missing firewalld_missing firewalld is not installed : install_package firewalld"


@pytest.mark.parametrize(
    "fix, manager, settled, expected",
    [
        ("yes", "dnf", "true", [MASK, MISSING, INSTALLED, "settle step_failed"]),
        ("yes", "apt-get", "true", [MASK, f"{MISSING} iptables", INSTALLED, "settle step_failed"]),
        ("yes", "dnf", "false", [MASK, MISSING, INSTALLED, "settle step_failed", "give_up"]),
        ("no", "dnf", "true", [MISSING]), ("no", "apt-get", "true", [f"{MISSING} iptables"]),
    ],
)  # fmt: skip
def test_firewalld_is_masked_while_it_is_installed(
    machine: ToolFolder, fix: str, manager: str, settled: str, expected: list[str]
) -> None:
    """Debian starts what it installs, before sshd's port may be open; a check changes nothing."""
    machine.program(manager)
    assert machine.out(INSTALL.format(fix=fix, settled=settled)).splitlines() == expected
    assert machine.calls() == []
