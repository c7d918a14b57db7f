"""Which programs does a script find on a simulated machine?  These, and harmless text tools.

`main` is called with the path a program was started by and its arguments; the machine's directory is the
parent of that path's. Only what the machine's model knows can be asked or changed.
"""

# pathlib takes longer to import than a shim takes to run, and programs print.

from __future__ import annotations

import os
import sys

from natlab.simulated import shims_firewalld, shims_network, system
from natlab.simulated.system import State

DROPIN = "etc/systemd/system/firewalld.service.d/natkeeper.conf"


def main() -> None:
    """Run one program and exit with its status; its name is the last part of the path it was called by."""
    sys.exit(run(*sys.argv[1:]))


def run(path: str, *rest: str) -> int:
    """One program on the machine it belongs to."""
    name = os.path.basename(path)
    root = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    with system.Saved(root) as state:
        line = " ".join([name, *rest])
        for part, message in state["broken"].items():
            if part in line:
                print(message, file=sys.stderr)
                return 1
        state["root"] = root
        try:
            return PROGRAMS[name](state, list(rest))
        finally:
            del state["root"]


def identity(_state: State, _arguments: list[str]) -> int:
    """`id -u`: scripts on a machine are root there."""
    print(0)
    return 0


def systemctl(state: State, arguments: list[str]) -> int:
    """The units that matter: firewalld, nginx and what scripts write; every other unit is not there."""
    words = [word for word in arguments if not word.startswith("-")]
    verb, names = words[0], words[1:]
    if verb == "daemon-reload":
        state["dropin"] = read(state["root"], DROPIN)
    if verb in {"daemon-reload", "show"}:
        return 0
    name = names[0].removesuffix(".service")
    if verb == "mask" or os.path.exists(os.path.join(state["root"], f"root/etc/systemd/system/{name}.service")):
        state["units"].setdefault(name, {"active": False, "enabled": False, "masked": False})
    unit = state["units"].get(name)
    there = unit is not None and (name != "firewalld" or state["installed"])
    if verb == "is-active":
        print("active" if there and unit["active"] else "inactive")
        return 0 if there and unit["active"] else 3
    if verb in {"mask", "unmask"} and unit is not None:
        unit["masked"] = verb == "mask"
        return 0
    if not there:
        print(f"Unit {name}.service not found.", file=sys.stderr)
        return 5
    if verb == "is-enabled":
        print("masked" if unit["masked"] else "enabled" if unit["enabled"] else "disabled")
        return 0 if unit["enabled"] and not unit["masked"] else 1
    if unit["masked"] and verb in {"enable", "start", "restart"}:
        print(f"Failed to {verb} {name}.service: Unit {name}.service is masked.", file=sys.stderr)
        return 1
    return switch(state, name, verb, now="--now" in arguments)


def switch(state: State, name: str, verb: str, *, now: bool) -> int:
    """Enable, disable, start, stop or reload a unit."""
    unit = state["units"][name]
    if verb in {"enable", "disable"}:
        unit["enabled"] = verb == "enable"
        if now:
            unit["active"] = unit["enabled"]
    elif name == "firewalld" and verb == "stop":
        system.stop_firewalld(state)
    elif name == "firewalld":
        if not unit["active"] or verb == "restart":
            system.start_firewalld(state)
            run_dropin(state, state["root"])
    else:
        unit["active"] = verb != "stop"
    if name == "natkeeper-proxy" and unit["active"] and verb not in {"enable", "disable"}:
        return serve_proxy(state)
    return run_table(state, unit) if name == "natkeeper-table" else 0


def serve_proxy(state: State) -> int:
    """What nginx serves is what its file said when it started or was told to read it again."""
    with open(os.path.join(state["root"], "root/etc/natkeeper/nginx.conf"), encoding="utf-8") as file:
        state["served"] = file.read()
    return 0


def run_table(state: State, unit: State) -> int:
    """Load natkeeper's table of connections, or take it away; every peer answers by the tunnel."""
    root = os.path.join(state["root"], "root")
    kept = [os.path.join(root, "run", name) for name in ("natkeeper.table", "natkeeper.peers")]
    unit["active"] = unit["active"] and bool(state["flavour"]["nft"])
    state["table"] = ""
    if not unit["active"]:
        for path in filter(os.path.exists, kept):
            os.remove(path)
        return 0 if state["flavour"]["nft"] else 1
    with open(os.path.join(root, "etc/natkeeper/table.nft"), encoding="utf-8") as file:
        state["table"] = file.read()
    with open(os.path.join(root, "etc/natkeeper/table.sh"), encoding="utf-8") as file:
        peers = file.read().partition("peers='")[2].partition("'")[0]
    for path, text in zip(kept, (state["table"], f"{peers}\n"), strict=True):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return 0


def nginx(state: State, arguments: list[str]) -> int:
    """`nginx -t -q -c FILE`: braces match, and directives of modules that are not there are unknown."""
    with open(arguments[-1], encoding="utf-8") as file:
        text = file.read()
    if "stream {" in text and not state["stream_module"]:
        print('nginx: [emerg] unknown directive "stream" in nginx.conf', file=sys.stderr)
        return 1
    if text.count("{") != text.count("}"):
        print('nginx: [emerg] unexpected end of file, expecting "}"', file=sys.stderr)
        return 1
    return 0


def ss(state: State, _arguments: list[str]) -> int:
    """`ss -lntu`: what listens."""
    print("Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port")
    for protocol, address in state["listening"]:
        print(f"{protocol} {'LISTEN' if protocol == 'tcp' else 'UNCONN'} 0 128 {address} 0.0.0.0:*")
    return 0


def run_dropin(state: State, root: str) -> None:
    """Do after a start of firewalld what its drop-in says, as systemd has read it: sysctl with a file of settings."""
    section, _, command = state["dropin"].partition("\n")
    before, found, path = command.strip().rstrip("'").partition("'exec sysctl -q -p ")
    if section == "[Service]" and before == "ExecStartPost=-/bin/sh -c " and found:
        system.apply_settings(state, read(root, path.lstrip("/")))


def read(root: str, name: str) -> str:
    """Read a file of the machine that lies in `root`; empty where there is none."""
    path = os.path.join(root, "root", name)
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def sysctl(state: State, arguments: list[str]) -> int:
    """`sysctl -n KEY` and `sysctl -w KEY=VALUE`."""
    key, _, value = arguments[-1].replace("/", ".").partition("=")
    if key not in state["sysctl"]:
        print(f"sysctl: cannot stat /proc/sys/{key.replace('.', '/')}: No such file or directory", file=sys.stderr)
        return 255
    if arguments[0] == "-w":
        state["sysctl"][key] = value
    else:
        print(state["sysctl"][key])
    return 0


def journalctl(state: State, _arguments: list[str]) -> int:
    """What firewalld wrote into the journal."""
    print("\n".join(state["journal"]))
    return 0


def install(state: State, arguments: list[str]) -> int:
    """apt-get, dnf and yum: firewalld and nginx are the packages there are."""
    if "install" not in arguments:
        return 0
    if "libnginx-mod-stream" in arguments or "nginx-mod-stream" in arguments:
        state["stream_module"] = True
    if "nginx" in arguments:
        os.symlink(".shim", os.path.join(state["root"], "bin/nginx"))
        unit = state["units"].setdefault("nginx", {"active": False, "enabled": False, "masked": False})
        unit["enabled"] = True
        unit["active"] = state["flavour"]["starts_what_it_installs"] and not unit["masked"]
    if "firewalld" not in arguments:
        return 0
    state["installed"] = True
    shims_firewalld.provide(state)
    if state["flavour"]["starts_what_it_installs"] and not state["units"]["firewalld"]["masked"]:
        system.start_firewalld(state)
    return 0


def sshd(state: State, _arguments: list[str]) -> int:
    """`sshd -T`: the effective configuration."""
    for port in state["flavour"]["sshd_ports"]:
        print(f"port {port}")
    return 0


PROGRAMS = {
    "id": identity,
    "systemctl": systemctl,
    "sysctl": sysctl,
    "ip": shims_network.ip,
    "curl": shims_network.curl,
    "iptables": shims_network.iptables,
    "ufw": shims_network.ufw,
    "nft": shims_network.nft,
    "tc": shims_network.tc,
    "conntrack": shims_network.conntrack,
    "journalctl": journalctl,
    "apt-get": install,
    "dnf": install,
    "yum": install,
    "sshd": sshd,
    "ss": ss,
    "nginx": nginx,
    "firewall-cmd": shims_firewalld.firewall_cmd,
    "firewall-offline-cmd": shims_firewalld.firewall_offline_cmd,
}
