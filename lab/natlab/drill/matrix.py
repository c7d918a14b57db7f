"""`natlab drill --matrix`: set up every kind of system that people run, cut its power, break it, mend it.

Each row: apply, prove, reboot, prove, drift, repair, prove. Proven means twice: the setup's report says so, and a new
connection of a private host is seen on the internet with the gateway's address. A system as its image brings it
then gets a second gateway: does a connection of the first one go on over a planned move with a relay?
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from natkeeper.guest import ForeignRules, Mode, SetupParameters, SetupReport, parse_report, render
from natkeeper.guest.script import library_command
from natlab.drill.systems import BESIDE, ROWS, Row
from natlab.real import rootfs
from natlab.real.commands import CommandFailed
from natlab.real.dataplane import LabDataPlane
from natlab.real.internet import WEB_SERVER
from natlab.real.machine import Machine
from natlab.real.servers import ECHO_PORT
from natlab.simulated.network import Reached

GATEWAY, ADDRESS, PRIVATE_IP = "i-gateway", "198.51.100.11", "10.0.0.11"
OTHER, OTHER_ADDRESS, OTHER_IP = "i-other", "198.51.100.12", "10.0.0.12"
PUBLIC, PRIVATE, TABLE = "vsw-public", "vsw-private", "vtb-private"
PROVEN, REFUSED, RELAYED = "proven", "refused by name, nothing changed", "relayed"
_SITE = "http://www.internet.test/"
_TIMEOUT_S = 180.0
_PATIENCE_S = 20.0
_FLOW_S = 3.0


@dataclass(frozen=True, slots=True)
class RowResult:
    """What came of a row: PROVEN, REFUSED where that is right, or the step that failed and why."""

    row: Row
    result: str
    firewalld: str = ""
    relay: str = ""
    """RELAYED, or what became of the connection instead; empty where it was not tried."""

    def as_json(self) -> dict[str, str]:
        """What `--json` prints, one a line."""
        row = self.row
        found = {"firewalld": self.firewalld, "result": self.result, "relay": self.relay}
        return {"system": row.system, "beside": row.beside, **found}


class NotAsItShouldBe(Exception):
    """A step of a row had another end than it should; the message says which."""


def chosen(words: str) -> tuple[Row, ...]:
    """The rows with these words in their names; all without any."""
    return tuple(row for row in ROWS if words.lower() in row.name.lower())


def matrix(rows: Iterable[Row], say: Callable[[str], None]) -> Iterator[RowResult]:
    """Play rows, those of one system in one lab. Raises NoLab."""
    for suite, some in groupby(rows, lambda row: row.suite):
        try:
            root = rootfs.provide(suite, say, BESIDE)
        except CommandFailed as refused:
            yield from (RowResult(row, f"not tried: {refused}") for row in some)
            continue
        with LabDataPlane(root) as lab:
            lab.create_vswitch(PUBLIC, "10.0.0.0/24", "vpc-1")
            lab.create_vswitch(PRIVATE, "10.0.1.0/24", "vpc-1")
            lab.attach_table(PRIVATE, TABLE)
            for row in some:
                say(row.name)
                yield RowTrial(lab, row).play()


def run(words: str, say: Callable[[str], None], *, as_json: bool) -> bool:
    """Play the rows with these words in their names and print them; whether each ended as it should. Raises NoLab."""
    good = True
    for each in matrix(chosen(words), say):
        good = good and each.result in (PROVEN, REFUSED)
        line = json.dumps(each.as_json()) if as_json else f"| {' | '.join(each.as_json().values())} |"
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return good


class RowTrial:
    """One row on a machine of its own."""

    def __init__(self, lab: LabDataPlane, row: Row) -> None:
        self.lab = lab
        self.row = row
        self.firewalld = ""
        self.relay = ""

    def play(self) -> RowResult:
        """Play it to its end, and leave the lab as it was."""
        lab = self.lab
        lab.create_instance(GATEWAY, PRIVATE_IP, PUBLIC)
        lab.bind_address(GATEWAY, ADDRESS)
        lab.set_route(TABLE, "0.0.0.0/0", "Instance", GATEWAY)
        try:
            lab.power_on(GATEWAY)
            lab.settle()
            return RowResult(self.row, self._steps(), self.firewalld, self.relay)
        except (NotAsItShouldBe, CommandFailed, RuntimeError, TimeoutError) as trouble:
            return RowResult(self.row, " ".join(str(trouble).split())[-400:], self.firewalld)
        finally:
            lab.destroy_instance(OTHER)
            lab.destroy_instance(GATEWAY)

    @property
    def _guest(self) -> Machine:
        return self.lab.guests[GATEWAY]

    def _steps(self) -> str:
        self._by_hand(self.row.prepare)
        first = self._set_up("apply")
        if self.row.refused:
            if not first.has(self.row.refused) or first.changed:
                raise NotAsItShouldBe(
                    f"apply: {first.sentence}; {self.row.refused} was not said, or it changed something"
                )
            return REFUSED
        self._proves(first, "apply")
        again = self._set_up("apply again")
        if again.changed:
            raise NotAsItShouldBe(f"apply again: changed {'; '.join(again.changed)}")
        self._by_hand(self.row.unplug)
        self._guest.reboot()
        self._reaches("reboot")
        self._proves(self._set_up("check after the reboot", Mode.CHECK), "check after the reboot")
        self._guest.lose_masquerade(permanently=True)
        if not self._set_up("check after the drift", Mode.CHECK).has("masquerade_missing"):
            raise NotAsItShouldBe("drift: the check did not name it")
        self._proves(self._set_up("repair"), "repair")
        if self.row.by_itself:
            self.relay = self._relays()
        return PROVEN

    def _relays(self) -> str:
        """What becomes of a live connection of the private host on a planned move to a second gateway of this kind."""
        lab = self.lab
        lab.create_instance(OTHER, OTHER_IP, PUBLIC)
        lab.bind_address(OTHER, OTHER_ADDRESS)
        lab.power_on(OTHER)
        lab.settle()
        self._by_hand(self.row.prepare, OTHER)
        for gateway in (GATEWAY, OTHER):
            report = self._set_up(f"relay on {gateway}", gateway=gateway, relay=True, primary=(PRIVATE_IP, OTHER_IP))
            if lost := next((note.message for note in report.notes if note.code == "connections_lost"), ""):
                return lost
        with lab.private_host(PRIVATE).socket() as flow:
            flow.settimeout(_FLOW_S)
            flow.connect((WEB_SERVER, ECHO_PORT))
            armed = self._by_hand(f"sh /etc/natkeeper/table.sh arm {PRIVATE_IP} 60", OTHER)
            if "armed" not in armed:
                return armed
            lab.set_route(TABLE, "0.0.0.0/0", "Instance", OTHER)
            self._reaches("relay", OTHER_ADDRESS)
            try:
                flow.sendall(b"still there?")
                return RELAYED if flow.recv(100) else "closed"
            except OSError as ended:
                return f"not relayed: {ended}"

    def _by_hand(self, script: str, gateway: str = GATEWAY) -> str:
        said = ""
        if script:
            result = self.lab.guests[gateway].run(f"#!/bin/sh\nset -e\n{script}\n".encode(), _TIMEOUT_S)
            said = "" if result is None else result.output.decode(errors="replace")
            if result is None or result.exit_code:
                raise NotAsItShouldBe(f"by hand: {said[-300:]}")
        return said

    def _set_up(self, step: str, mode: Mode = Mode.APPLY, gateway: str = GATEWAY, **more: Any) -> SetupReport:
        parameters = SetupParameters(
            mode=mode,
            sources=("10.0.0.0/8",),
            networks=("10.0.1.0/24",),
            primary=(PRIVATE_IP,),
            targets=(_SITE,),
            foreign=ForeignRules.REMOVE,
        )
        guest = self.lab.guests[gateway]
        guest.run(library_command().encode(), _TIMEOUT_S)
        result = guest.run(render(replace(parameters, **more)), _TIMEOUT_S)
        report = parse_report(b"" if result is None else result.output)
        if not isinstance(report, SetupReport):
            raise NotAsItShouldBe(f"{step}: {report.reason}")
        self.firewalld = f"{report.facts.firewalld_version}, {report.facts.backend}"
        return report

    def _proves(self, report: SetupReport, step: str) -> None:
        if not report.ready or report.facts.forwarding != "proven":
            raise NotAsItShouldBe(f"{step}: {report.sentence}; forwarding {report.facts.forwarding}")
        self._reaches(step)

    def _reaches(self, step: str, address: str = ADDRESS) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while (way := self.lab.path(PRIVATE, WEB_SERVER)) != Reached(address):
            if time.monotonic() > deadline:
                raise NotAsItShouldBe(f"{step}: a private host does not reach the internet: {way}")
            time.sleep(0.2)
