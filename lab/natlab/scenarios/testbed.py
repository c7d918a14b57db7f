"""What is a scenario played on?  The machines and cables below the local cloud, and ways to break them.

SimulatedGround is the model of natlab.simulated; a ground of real systems has the same few methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from natlab.cloud.dataplane import CommandResult, DataPlane
from natlab.simulated.dataplane import SimulatedDataPlane
from natlab.simulated.internet import TunnelServer
from natlab.simulated.network import Dropped, Reached, Way

WEB_SERVER = "203.0.113.10"
"""A host on the internet that private hosts connect to (TEST-NET-3)."""


@dataclass(frozen=True, slots=True)
class Try:
    """How one new connection of a private host ended: the public address it is seen with, or why it is lost."""

    public_ip: str
    lost: str = ""


class Hands(Protocol):
    """What a person, or another program, can do wrong on a machine; the same words on a model and for real."""

    def lose_masquerade(self, *, permanently: bool = False) -> None:
        """Remove the masquerading rules."""
        ...

    def switch_off_forwarding(self) -> None:
        """Set ip_forward to 0."""
        ...

    def stop_firewalld(self, *, mask: bool = False) -> None:
        """Stop the service, or mask it too."""
        ...

    def unbind_interface(self, *, permanently: bool = False) -> None:
        """Take the interface out of its zone."""
        ...

    def flush_rules(self) -> None:
        """Empty the kernel's tables; firewalld does not notice."""
        ...

    def claim_source(self, network: str) -> None:
        """Have firewalld's zone `internal` take what comes from a network."""
        ...

    def add_foreign_reject(self, where: str = "iptables") -> None:
        """Refuse forwarded packets by a rule of one's own."""
        ...

    def fill_connections(self) -> None:
        """Use all entries of the table of connections."""
        ...

    def use_up_ports(self) -> None:
        """Use all ports that there are for one destination, which is not the probe's."""
        ...

    def break_proxy(self) -> None:
        """Edit natkeeper's nginx.conf, and have nginx refuse every configuration from now on."""
        ...


class Testbed(Protocol):
    """Machines, cables and addresses that can be broken by hand."""

    data_plane: DataPlane
    tunnel: str
    """host:port through which functions reach the internet; empty where their sockets are real."""

    def connect(self, vswitch_id: str) -> Try:
        """Open a new connection to the internet, as a private host in this vSwitch."""
        ...

    def watched_from(self, vswitch_id: str) -> int:
        """How many looks at the internet functions in this vSwitch have made."""
        ...

    def by_hand(self, instance_id: str) -> Hands:
        """Give a person a shell on a machine."""
        ...

    def arrives(self, public_ip: str, port: int, inside: str = "") -> bool:
        """Return True if a TCP connection to a public address arrives at a private host, and its answer finds back.

        It comes from the internet, or from the private host in the vSwitch `inside`.
        """
        ...

    def serves(self, public_ip: str, port: int, host: str = "") -> bool:
        """Whether a web server that is a private host answers a request for `host` to a public address."""
        ...

    def freeze(self, instance_id: str) -> None:
        """The whole machine stands still: no packet, no heartbeat, no event."""
        ...

    def thaw(self, instance_id: str) -> None:
        """It goes on where it stood; nothing happens to one that runs."""
        ...

    def lose_packets(self, instance_id: str, share: float) -> None:
        """Lose this share of what passes a machine, on the way there or back, as ping would count it; 0.0 heals it."""
        ...

    def internet(self, *, up: bool) -> None:
        """Nothing on the internet answers, or it does again."""
        ...

    def narrow_internet(self, mtu: int) -> None:
        """The way to the internet takes packets of `mtu` bytes at most, and says so."""
        ...

    def uploads(self, vswitch_id: str, size: int) -> bool:
        """Return True if a private host in this vSwitch can send that many bytes to the internet by one connection."""
        ...

    def run(self, instance_id: str, script: bytes) -> None:
        """Run a script on a machine, as a person with a shell there."""
        ...

    def close(self) -> None: ...


class CountingDataPlane(SimulatedDataPlane):
    """Counts the looks that come through the tunnel."""

    def __init__(self) -> None:
        super().__init__()
        self.checks: dict[str, int] = {}

    def path(self, source_vswitch_id: str, destination_ip: str, port: int = 80) -> Way:
        self.checks[source_vswitch_id] = self.checks.get(source_vswitch_id, 0) + 1
        return super().path(source_vswitch_id, destination_ip, port)


class SimulatedGround:
    """Ground that is a model: nothing of it needs root, and every packet's way is computed."""

    def __init__(self, machines: CountingDataPlane | None = None) -> None:
        self._machines = machines or CountingDataPlane()
        self._internet = TunnelServer(self._machines)
        self.data_plane: DataPlane = self._machines
        self.tunnel = self._internet.address

    def connect(self, vswitch_id: str) -> Try:
        match SimulatedDataPlane.path(self._machines, vswitch_id, WEB_SERVER):
            case Reached(public_ip):
                return Try(public_ip)
            case Dropped(reason):
                return Try("", reason)

    def watched_from(self, vswitch_id: str) -> int:
        return self._machines.checks.get(vswitch_id, 0)

    def by_hand(self, instance_id: str) -> Hands:
        return self._machines.guests[instance_id]

    def arrives(self, public_ip: str, port: int, inside: str = "") -> bool:
        machines = self._machines
        way = machines.path_around(inside, public_ip, port) if inside else machines.path_inward(public_ip, port)
        return not isinstance(way, Dropped)

    def serves(self, public_ip: str, port: int, host: str = "") -> bool:
        return self._machines.serves(public_ip, port, host)

    def freeze(self, instance_id: str) -> None:
        self._machines.guests[instance_id].hang()

    def thaw(self, instance_id: str) -> None:
        self._machines.guests[instance_id].resume()

    def lose_packets(self, instance_id: str, share: float) -> None:
        self._machines.guests[instance_id].loss = share

    def internet(self, *, up: bool) -> None:
        if up:
            self._machines.internet_up()
        else:
            self._machines.internet_down()

    def narrow_internet(self, mtu: int) -> None:
        """The model has no sizes: "fragmentation needed" always arrives in it."""

    def uploads(self, vswitch_id: str, size: int) -> bool:
        return bool(self.connect(vswitch_id).public_ip)

    def run(self, instance_id: str, script: bytes) -> None:
        self._machines.guests[instance_id].run(script, 60.0)

    def close(self) -> None:
        """End the internet and every machine; may be called twice."""
        self._internet.close()
        self._machines.close()


class RecordingDataPlane:
    """A data plane that tells `hear` what the cloud does to it: (what, subject, object), as it is done."""

    def __init__(self, data_plane: DataPlane) -> None:
        self.hear: Callable[[str, str, str], None] = lambda _what, _subject, _object: None
        self._below = data_plane

    def create_instance(self, instance_id: str, private_ip: str, vswitch_id: str) -> None:
        self._below.create_instance(instance_id, private_ip, vswitch_id)

    def power_on(self, instance_id: str) -> None:
        self._below.power_on(instance_id)
        self.hear("on", instance_id, "")

    def power_off(self, instance_id: str, *, hard: bool) -> None:
        self._below.power_off(instance_id, hard=hard)
        self.hear("off", instance_id, "")

    def destroy_instance(self, instance_id: str) -> None:
        self._below.destroy_instance(instance_id)
        self.hear("off", instance_id, "")

    def create_vswitch(self, vswitch_id: str, cidr: str, vpc_id: str) -> None:
        self._below.create_vswitch(vswitch_id, cidr, vpc_id)

    def attach_table(self, vswitch_id: str, table_id: str) -> None:
        self._below.attach_table(vswitch_id, table_id)

    def set_route(self, table_id: str, destination: str, next_hop_type: str, next_hop_id: str) -> None:
        self._below.set_route(table_id, destination, next_hop_type, next_hop_id)
        self.hear(f"route {destination}", table_id, next_hop_id)

    def remove_route(self, table_id: str, destination: str) -> None:
        self._below.remove_route(table_id, destination)
        self.hear(f"route {destination}", table_id, "")

    def bind_address(self, resource_id: str, public_ip: str) -> None:
        self._below.bind_address(resource_id, public_ip)
        self.hear("bind", resource_id, public_ip)

    def unbind_address(self, resource_id: str, public_ip: str) -> None:
        self._below.unbind_address(resource_id, public_ip)
        self.hear("unbind", resource_id, public_ip)

    def agent_alive(self, instance_id: str) -> bool:
        return self._below.agent_alive(instance_id)

    def run(self, instance_id: str, script: bytes, timeout_s: float, done: Callable[[CommandResult], None]) -> None:
        self._below.run(instance_id, script, timeout_s, done)

    def reset(self) -> None:
        self._below.reset()
