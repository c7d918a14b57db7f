"""What do firewall-cmd and firewall-offline-cmd do on a simulated machine?

Two configurations, permanent and runtime, that only a start or a reload joins; the errors and exit
statuses that scripts meet; options that old generations do not know.
"""

# pathlib takes longer to import than a shim takes to run, and programs print.

from __future__ import annotations

import os
import sys

from natlab.simulated import system
from natlab.simulated.system import State

NOT_RUNNING = 252
UNKNOWN_OPTION = 2
INVALID_ZONE = 112
LISTS = {"interface": "interfaces", "rich-rule": "rich_rules", "port": "ports", "service": "services"}
SWITCHES = {"masquerade": "masquerade", "forward": "forward"}


def provide(state: State) -> None:
    """Put firewalld's commands and configuration file onto the machine."""
    commands = os.path.join(state["root"], "bin")
    for name in ("firewall-cmd", "firewall-offline-cmd"):
        if not os.path.lexists(os.path.join(commands, name)):
            os.symlink(".shim", os.path.join(commands, name))
    directory = os.path.join(state["root"], "root/etc/firewalld")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "firewalld.conf"), "w", encoding="utf-8") as file:
        file.write(f"DefaultZone=public\nFirewallBackend={state['flavour']['backend']}\n")


def firewall_offline_cmd(state: State, arguments: list[str]) -> int:
    """The permanent configuration, whatever the daemon does."""
    return answer(state, state["permanent"], arguments)


def firewall_cmd(state: State, arguments: list[str]) -> int:
    """The running daemon's configuration, or with --permanent the one it will load."""
    if arguments == ["--state"] and state["failed"] and state["runtime"]:
        print("failed", file=sys.stderr)
        return 251
    if arguments == ["--query-panic"]:
        print("yes" if state["panic"] else "no")
        return 0 if state["panic"] else 1
    if arguments == ["--get-active-zones"]:
        for name, one in state["runtime"]["zones"].items() if state["runtime"] else ():
            if one["interfaces"] or one["sources"]:
                print(f"{name}\n  interfaces: {' '.join(one['interfaces'])}\n  sources: {' '.join(one['sources'])}")
        return 0
    if arguments == ["--state"]:
        print("running" if state["runtime"] else "not running", file=sys.stdout if state["runtime"] else sys.stderr)
        return 0 if state["runtime"] else NOT_RUNNING
    if not state["runtime"]:
        return refuse("FirewallD is not running", NOT_RUNNING)
    if arguments == ["--version"]:
        print(state["flavour"]["firewalld"])
        return 0
    if arguments in (["--reload"], ["--complete-reload"]):
        state["runtime"] = system.copied(state["permanent"])
        return 0
    if "--permanent" in arguments:
        return answer(state, state["permanent"], [word for word in arguments if word != "--permanent"])
    return answer(state, state["runtime"], arguments)


def refuse(message: str, status: int) -> int:
    """An error as the commands print it."""
    print(message, file=sys.stderr)
    return status


def answer(state: State, configuration: State, arguments: list[str]) -> int:
    """Look at or change one of the two configurations."""
    if arguments[0] == "--direct":
        return direct(configuration, arguments[1:])
    name = configuration["default_zone"]
    orders = []
    for word in arguments:
        option, _, value = word.partition("=")
        if option == "--zone":
            name = value
        else:
            orders.append((option, value))
    if name not in configuration["zones"]:
        return refuse(f"Error: INVALID_ZONE: {name}", INVALID_ZONE)
    for option, value in orders:
        status = order(state, configuration, name, option, value)
        if status:
            return status
    return 0


def order(state: State, configuration: State, name: str, option: str, value: str) -> int:
    """One option on one zone."""
    settings = configuration["zones"][name]
    verb, _, thing = option.removeprefix("--").partition("-")
    if option == "--get-default-zone":
        print(configuration["default_zone"])
    elif option == "--get-zone-of-interface":
        zones = [one for one, other in configuration["zones"].items() if value in other["interfaces"]]
        if not zones:
            return refuse("no zone", UNKNOWN_OPTION)
        print(zones[0])
    elif option == "--list-all":
        list_all(configuration, name)
    elif option == "--change-interface":
        for other in configuration["zones"].values():
            other["interfaces"] = [one for one in other["interfaces"] if one != value]
        settings["interfaces"].append(value)
    elif verb in {"add", "remove", "query"} and thing in LISTS:
        return listed(configuration, settings, verb, thing, value)
    elif verb in {"add", "remove"} and thing in SWITCHES and settings[SWITCHES[thing]] is not None:
        settings[SWITCHES[thing]] = verb == "add"
    else:
        return refuse(f"unrecognized arguments: {option}", UNKNOWN_OPTION)
    if configuration is state["runtime"] and verb == "add" and (thing == "masquerade" or "masquerade" in value):
        state["sysctl"]["net.ipv4.ip_forward"] = "1"
    return 0


def listed(configuration: State, settings: State, verb: str, thing: str, value: str) -> int:
    """Add to, remove from or look into one of the lists of a zone."""
    values = settings[LISTS[thing]]
    if verb == "query":
        print("yes" if value in values else "no")
        return 0 if value in values else 1
    if verb == "add" and thing == "interface":
        others = (other for other in configuration["zones"].values() if other is not settings)
        if any(value in other["interfaces"] for other in others):
            return refuse(f"Error: ZONE_CONFLICT: '{value}' already bound to a zone", 34)
    if verb == "add" and value in values:
        print(f"Warning: ALREADY_ENABLED: '{value}'", file=sys.stderr)
    elif verb == "add":
        values.append(value)
    elif value in values:
        values.remove(value)
    print("success")
    return 0


def list_all(configuration: State, name: str) -> None:
    """The listing of a zone, laid out as firewalld does."""
    settings = configuration["zones"][name]
    print(f"{name} (active)" if settings["interfaces"] else name)
    print(f"  target: {settings['target']}\n  icmp-block-inversion: no")
    for key in ("interfaces", "sources", "services", "ports"):
        print(f"  {key}: {' '.join(settings.get(key, []))}")
    print("  protocols: ")
    if settings["forward"] is not None:
        print(f"  forward: {'yes' if settings['forward'] else 'no'}")
    print(f"  masquerade: {'yes' if settings['masquerade'] else 'no'}")
    print("  forward-ports: \n  source-ports: \n  icmp-blocks: \n  rich rules: ")
    for rule in settings["rich_rules"]:
        print(f"\t{rule}")


def direct(configuration: State, arguments: list[str]) -> int:
    """The direct interface: rules as text."""
    rules, rule = configuration["direct"], " ".join(arguments[1:])
    if arguments[0] == "--get-all-rules":
        print("\n".join(rules))
    elif arguments[0] == "--add-rule" and rule not in rules:
        rules.append(rule)
    elif arguments[0] == "--remove-rule" and rule in rules:
        rules.remove(rule)
    return 0
