"""What is below the APIs when nothing is real?  Simulated machines joined by a simulated network.

Whether a private host reaches the internet follows from its vSwitch's routes, the next hop's power and
health, what the real setup script did to that machine, and who has which public address.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from natlab.cloud.dataplane import CommandResult
from natlab.cloud.fc.runtime.processes import GUESTS
from natlab.simulated import answers
from natlab.simulated.flavours import FLAVOURS, Flavour
from natlab.simulated.guest import Guest
from natlab.simulated.network import Dropped, Network, Reached, RoutedHop, Way

PUBLIC_SIDE: Final = "198.51.100.254"
"""The address that a function without a VPC is seen with."""
VISITOR: Final = "203.0.113.250"
"""Whom connections from the internet to a public address come from."""


class SimulatedDataPlane:
    """Implements `natlab.cloud.dataplane.DataPlane`; everything it keeps is under one temporary directory."""

    def __init__(
        self, image: Flavour | Callable[[str], Flavour] = FLAVOURS["debian12"], shell: str = "/bin/sh"
    ) -> None:
        self._image: Callable[[str], Flavour] = (lambda _: image) if isinstance(image, Flavour) else image
        self._shell = shell
        self._lock = threading.RLock()
        self._directory = Path(tempfile.mkdtemp(prefix=f"{GUESTS}{os.getpid()}-"))
        self._made = 0
        self._homes: dict[str, str] = {}
        self.network = Network()
        self.guests: dict[str, Guest] = {}

    # ── machines ────────────────────────────────────────────────────────────────────────────────────────────
    def create_instance(self, instance_id: str, private_ip: str, vswitch_id: str) -> None:
        """A machine without power, as its image left it."""
        with self._lock:
            self._made += 1
            home = self._directory / f"{instance_id}-{self._made}"
            guest = Guest(home, self._image(instance_id), private_ip, self._shell)
            guest.power_off()
            self.guests[instance_id] = guest
            self._homes[instance_id] = vswitch_id

    def power_on(self, instance_id: str) -> None:
        self.guests[instance_id].power_on()

    def power_off(self, instance_id: str, *, hard: bool) -> None:
        self.guests[instance_id].power_off()

    def destroy_instance(self, instance_id: str) -> None:
        with self._lock:
            guest = self.guests.pop(instance_id, None)
            self.network.addresses.pop(instance_id, None)
        if guest:
            guest.destroy()

    def agent_alive(self, instance_id: str) -> bool:
        """A machine without power, or one that hangs, has no heartbeat."""
        guest = self.guests.get(instance_id)
        return guest is not None and guest.alive

    def run(self, instance_id: str, script: bytes, timeout_s: float, done: Callable[[CommandResult], None]) -> None:
        """Run a script in a thread of its own. A machine that stops or hangs never answers: `done` is not called."""
        guest = self.guests.get(instance_id)
        if guest is None or not guest.alive:
            return

        def work() -> None:
            result = guest.run(script, timeout_s)
            if result is not None:
                done(result)

        self._tell(instance_id)
        threading.Thread(target=work, name=f"script on {instance_id}", daemon=True).start()

    # ── network ─────────────────────────────────────────────────────────────────────────────────────────────
    def create_vswitch(self, vswitch_id: str, cidr: str, vpc_id: str) -> None:
        with self._lock:
            self.network.vswitches[vswitch_id] = (ipaddress.IPv4Network(cidr), vpc_id)

    def attach_table(self, vswitch_id: str, table_id: str) -> None:
        with self._lock:
            self.network.attached[vswitch_id] = table_id

    def set_route(self, table_id: str, destination: str, next_hop_type: str, next_hop_id: str) -> None:
        with self._lock:
            table = self.network.tables.setdefault(table_id, {})
            table[ipaddress.IPv4Network(destination)] = RoutedHop(next_hop_type, next_hop_id)

    def remove_route(self, table_id: str, destination: str) -> None:
        with self._lock:
            self.network.tables.get(table_id, {}).pop(ipaddress.IPv4Network(destination), None)

    def bind_address(self, resource_id: str, public_ip: str) -> None:
        with self._lock:
            addresses = self.network.addresses.setdefault(resource_id, [])
            if public_ip not in addresses:
                addresses.append(public_ip)
        self._tell(resource_id)

    def unbind_address(self, resource_id: str, public_ip: str) -> None:
        with self._lock:
            addresses = self.network.addresses.get(resource_id, [])
            if public_ip in addresses:
                addresses.remove(public_ip)
        self._tell(resource_id)

    def internet_down(self) -> None:
        """Nothing on the internet answers."""
        with self._lock:
            self.network.internet_is_up = False

    def internet_up(self) -> None:
        """It answers again."""
        with self._lock:
            self.network.internet_is_up = True

    # ── where packets go ────────────────────────────────────────────────────────────────────────────────────
    def path(self, source_vswitch_id: str, destination_ip: str, port: int = 80) -> Way:
        """The way of a new connection of a private host in this vSwitch."""
        with self._lock:
            if source_vswitch_id not in self.network.vswitches:
                return Dropped(f"there is no vSwitch {source_vswitch_id}")
            source = self.network.host_in(source_vswitch_id)
            return self.network.path(source_vswitch_id, source, destination_ip, self._why_not_forwarded)

    def path_from_instance(self, instance_id: str, destination_ip: str, port: int = 80) -> Way:
        """The way of the machine's own connection: by its public address, else like any host of its vSwitch."""
        with self._lock:
            guest = self.guests.get(instance_id)
            if guest is None or not guest.alive:
                return Dropped(f"{instance_id} does not run")
            if self.network.address_of(instance_id):
                return self.network.leave(instance_id)
            hop = self.network.next_hop(self._homes[instance_id], destination_ip)
            if hop is not None and hop.id == instance_id:
                return Dropped(f"{instance_id} has no public address")
            home = self._homes[instance_id]
            return self.network.path(home, guest.private_ip, destination_ip, self._why_not_forwarded)

    def path_from_public(self) -> Way:
        """The way of a connection that starts outside every VPC."""
        return Reached(PUBLIC_SIDE) if self.network.internet_is_up else Dropped("the internet does not answer")

    def path_inward(self, public_ip: str, port: int, protocol: str = "tcp") -> tuple[str, int] | Dropped:
        """The private address and port that answer a visitor from the internet who comes by a public address."""
        with self._lock:
            owner = next((one for one, ips in self.network.addresses.items() if public_ip in ips), "")
            guest = self.guests.get(owner)
        if guest is None or not guest.alive:
            return Dropped(f"nothing answers at {public_ip}")
        arrival = guest.forwarded_port(protocol, port)
        if arrival is None:
            return Dropped(f"{owner} forwards no {protocol} port {port}")
        with self._lock:
            lost = self._answer_lost(owner, protocol, *arrival)
        return Dropped(lost) if lost else arrival

    def serves(self, public_ip: str, port: int, host: str) -> bool:
        """Whether the gateway with a public address takes a visitor's request for a host name to a private host."""
        with self._lock:
            owner = next((one for one, ips in self.network.addresses.items() if public_ip in ips), "")
            guest = self.guests.get(owner)
        return guest is not None and guest.serves(port, host)

    def path_around(
        self, source_vswitch_id: str, public_ip: str, port: int, protocol: str = "tcp"
    ) -> tuple[str, int] | Dropped:
        """The private address and port that a private host's connection to a public address of the gateways reaches."""
        with self._lock:
            hop = self.network.next_hop(source_vswitch_id, public_ip)
            source = self.network.host_in(source_vswitch_id)
        guest = self.guests.get(hop.id) if hop else None
        if hop is None or guest is None:
            return Dropped(f"no gateway leads to {public_ip}")
        lost = guest.forwards(source)
        arrival = None if lost else guest.forwarded_port(protocol, port, public_ip)
        return arrival or Dropped(f"{hop.id}: {lost or f'leads {public_ip}:{port} out of the VPC'}")

    def _answer_lost(self, owner: str, protocol: str, host: str, port: int) -> str:
        """Why the answer from a private host does not find back by the gateway that the visitor came by."""
        home = next((one for one, (net, _) in self.network.vswitches.items() if ipaddress.ip_address(host) in net), "")
        hop = self.network.next_hop(home, VISITOR) if home else None
        if hop is None or hop.id == owner or answers.hides(self.guests[owner].state["table"], protocol, host, port):
            return ""
        other = self.guests.get(hop.id)
        if other is None or not other.alive:
            return f"answers go to {hop.id}, which does not forward"
        known = protocol == "tcp" and answers.hands_back(other.state["table"], protocol, host, port)
        return "" if known else f"answers go to {hop.id}, which does not know the visitor"

    def _why_not_forwarded(self, instance_id: str, source_ip: str) -> str:
        guest = self.guests.get(instance_id)
        return "there is no such instance" if guest is None else guest.forwards(source_ip)

    def _tell(self, resource_id: str) -> None:
        guest = self.guests.get(resource_id)
        if guest is None:
            return
        way = self.path_from_instance(resource_id, "203.0.113.10")
        match way:
            case Reached(public_ip):
                guest.tell_world(public_ip, reaches_internet=True)
            case Dropped():
                guest.tell_world("", reaches_internet=False)

    # ── end ─────────────────────────────────────────────────────────────────────────────────────────────────
    def reset(self) -> None:
        """No machines, no network, an internet that answers."""
        with self._lock:
            guests, self.guests = list(self.guests.values()), {}
            self.network = Network()
            self._homes.clear()
        for guest in guests:
            guest.destroy()

    def close(self) -> None:
        """Leave nothing behind."""
        self.reset()
        shutil.rmtree(self._directory, ignore_errors=True)
