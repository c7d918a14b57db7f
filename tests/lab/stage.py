"""One lab for all tests of a session: two bare gateways, a private host, and the setup script as natkeeper runs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from natkeeper.guest import (
    AddressMode,
    Mode,
    PortForward,
    SetupParameters,
    SetupReport,
    parse_report,
    render,
)
from natkeeper.guest.script import library_command
from natlab.real.dataplane import LabDataPlane
from natlab.real.internet import WEB_SERVER
from natlab.real.machine import Machine
from natlab.simulated.network import Dropped, Reached, Way

A, B = "i-a", "i-b"
ADDRESS = {A: "198.51.100.11", B: "198.51.100.12"}
PUBLIC, PRIVATE = "vsw-public", "vsw-private"
TABLE = "vtb-private"
INWARD_PORT, HTTP_PORT = 8022, 8000
SITE = "http://www.internet.test/"
_PATIENCE_S = 30.0


def eventually(question: Callable[[], bool], within_s: float = _PATIENCE_S) -> bool:
    """Return True if something becomes true before patience ends."""
    deadline = time.monotonic() + within_s
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@dataclass
class LabStage:
    """The lab and the words in which tests speak of it."""

    lab: LabDataPlane

    def build(self) -> None:
        """Two gateways that boot side by side, and a private vSwitch whose default route leads to A."""
        lab = self.lab
        lab.create_vswitch(PUBLIC, "10.0.0.0/24", "vpc-1")
        lab.create_vswitch(PRIVATE, "10.0.1.0/24", "vpc-1")
        lab.attach_table(PUBLIC, "vtb-system")
        lab.attach_table(PRIVATE, TABLE)
        for index, gateway in enumerate((A, B)):
            lab.create_instance(gateway, f"10.0.0.{11 + index}", PUBLIC)
            lab.bind_address(gateway, ADDRESS[gateway])
            lab.power_on(gateway)
        self.route_to(A)
        lab.settle()

    def guest(self, gateway: str) -> Machine:
        return self.lab.guests[gateway]

    def route_to(self, gateway: str, destination: str = "0.0.0.0/0") -> None:
        self.lab.set_route(TABLE, destination, "Instance", gateway)

    def set_up(
        self, gateway: str, address: AddressMode = AddressMode.OWN, mode: Mode = Mode.APPLY, **more: Any
    ) -> SetupReport:
        """Run the real script on a gateway, and read its report; `more` changes its parameters."""
        parameters = SetupParameters(
            mode=mode,
            sources=("10.0.0.0/8",),
            networks=("10.0.1.0/24",),
            primary=("10.0.0.11", "10.0.0.12", "10.0.0.13"),
            address=address,
            targets=(SITE,),
            port_forwards=(PortForward("tcp", INWARD_PORT, self.lab.private_address(PRIVATE), HTTP_PORT),),
        )
        self.guest(gateway).run(library_command().encode(), 120.0)
        result = self.guest(gateway).run(render(replace(parameters, **more)), 120.0)
        assert result is not None
        report = parse_report(result.output)
        assert isinstance(report, SetupReport), result.output.decode()
        return report

    def set_up_all(self, address: AddressMode = AddressMode.OWN) -> list[SetupReport]:
        """The same on both gateways at once."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda gateway: self.set_up(gateway, address), (A, B)))

    def way_out(self, patience_s: float = 10.0) -> Way:
        """What becomes of a new connection of the private host."""
        return self.lab.path(PRIVATE, WEB_SERVER, patience_s=patience_s)

    def reaches_through(self, gateway: str) -> bool:
        """Return True if the internet comes to see the private host with this gateway's address."""
        return eventually(lambda: self.way_out(0.4) == Reached(ADDRESS[gateway]))

    def is_cut_off(self) -> bool:
        """Return True if the private host is without the internet, now."""
        return isinstance(self.way_out(0.4), Dropped)
