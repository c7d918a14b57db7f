"""What is a scenario played on in the lab?  Real systems and packets, with the methods of natlab.scenarios.testbed."""

from __future__ import annotations

from natlab.cloud.dataplane import DataPlane
from natlab.real import reachability
from natlab.real.dataplane import LabDataPlane
from natlab.real.rootfs import Say
from natlab.scenarios.testbed import WEB_SERVER, Hands, Try
from natlab.simulated.network import Dropped, Reached

_PATIENCE_S = 0.3
"""How long a new connection may take: a first SYN that is not answered counts as lost."""
_SERVED_WITHIN_S = 4.0
"""A SYN that is lost comes again after a second."""
_SCRIPT_TIMEOUT_S = 120.0
_CROSSINGS = 4
"""How often a packet and its answer pass a gateway's one cable together."""


class LabGround:
    """Ground that is real. Needs root; see natlab.real.preflight."""

    def __init__(self, say: Say = lambda _: None) -> None:
        self.lab = LabDataPlane(say=say)
        self.data_plane: DataPlane = self.lab
        self.tunnel = self.lab.tunnel.address

    def connect(self, vswitch_id: str) -> Try:
        match self.lab.path(vswitch_id, WEB_SERVER, patience_s=_PATIENCE_S):
            case Reached(public_ip):
                return Try(public_ip)
            case Dropped(reason):
                return Try("", reason)

    def watched_from(self, vswitch_id: str) -> int:
        return self.lab.checks.get(vswitch_id, 0)

    def by_hand(self, instance_id: str) -> Hands:
        return self.lab.guests[instance_id]

    def arrives(self, public_ip: str, port: int, inside: str = "") -> bool:
        return not isinstance(self.lab.path_inward(public_ip, port, inside), Dropped)

    def serves(self, public_ip: str, port: int, host: str = "") -> bool:
        return reachability.serves(self.lab.internet.namespace.socket(), public_ip, port, host, _SERVED_WITHIN_S)

    def freeze(self, instance_id: str) -> None:
        self.lab.guests[instance_id].freeze()

    def thaw(self, instance_id: str) -> None:
        self.lab.guests[instance_id].thaw()

    def lose_packets(self, instance_id: str, share: float) -> None:
        self.lab.guests[instance_id].lose_packets(1 - (1 - share) ** (1 / _CROSSINGS))

    def internet(self, *, up: bool) -> None:
        if up:
            self.lab.internet_up()
        else:
            self.lab.internet_down()

    def narrow_internet(self, mtu: int) -> None:
        self.lab.narrow_internet(mtu)

    def uploads(self, vswitch_id: str, size: int) -> bool:
        return reachability.upload(self.lab.private_host(vswitch_id), WEB_SERVER, size) == size

    def run(self, instance_id: str, script: bytes) -> None:
        """Run a script as soon as the machine is up."""
        guest = self.lab.guests[instance_id]
        guest.settle()
        guest.run(script, _SCRIPT_TIMEOUT_S)

    def close(self) -> None:
        """End every machine and leave nothing behind; may be called twice."""
        self.lab.close()
