"""What is below the APIs in the lab?  Booted systems, cables and routers, changed as the local cloud says.

LabDataPlane keeps what the platform would know (which vSwitch has which table, who has which address) and holds
the routers to it. Use as a context manager or `close` it; whatever ends the process, a guardian cleans up.
"""

from __future__ import annotations

import atexit
import contextlib
import ipaddress
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from natlab.cloud.dataplane import CommandResult
from natlab.real import preflight, reachability, reaper, rootfs
from natlab.real.commands import CommandFailed
from natlab.real.container import Disk
from natlab.real.internet import PUBLIC_SIDE, InternetNamespace, start_servers
from natlab.real.machine import Machine
from natlab.real.namespaces import Namespace
from natlab.real.router import RESOLVER, Cable, Router
from natlab.real.run_directory import RunDirectory, clean_leftovers
from natlab.real.tunnel import Tunnel
from natlab.simulated.network import Dropped, Reached, Way

_NAT_NETWORK = "169.254.100.0/24"
"""Where managed NAT gateways are: the platform's own, not the VPC's."""
_FIRST_NAT_HOST = 10
_PATIENCE_S = 1.0


@dataclass
class _Vswitch:
    """A vSwitch, and the private host in it."""

    cidr: str
    router: Router
    host: Namespace
    host_address: str
    cables: list[Cable] = field(default_factory=list)
    table: str = ""


@dataclass
class _NatGateway:
    """A managed NAT gateway, once a route says which VPC it is in."""

    namespace: Namespace
    router: Router
    cable: Cable


class LabDataPlane:
    """Implements `natlab.cloud.dataplane.DataPlane` with real systems and packets. Needs root; see preflight."""

    def __init__(self, root: Path | None = None, say: rootfs.Say = lambda _: None) -> None:
        preflight.require()
        self._root = root or rootfs.provide(say=say)
        clean_leftovers()
        self._ending = contextlib.ExitStack()
        self._directory = RunDirectory.create()
        self._guardian = reaper.start(self._directory)
        self._ending.callback(self._guardian.communicate)
        self._ending.callback(self._end)
        atexit.register(self.close)
        self._lock = threading.RLock()
        self._made = 0
        self.guests: dict[str, Machine] = {}
        self.checks: dict[str, int] = {}
        """How many connections functions opened from each vSwitch, through the tunnel."""
        self._routers: dict[str, Router] = {}
        self._servers: list[subprocess.Popen[bytes]] = []
        self._vswitches: dict[str, _Vswitch] = {}
        self._homes: dict[str, str] = {}
        self._tables: dict[str, dict[str, tuple[str, str]]] = {}
        self._addresses: dict[str, list[str]] = {}
        self._nat_gateways: dict[str, _NatGateway] = {}
        try:
            self.internet = InternetNamespace(self._namespace("internet"))
            self._servers.append(self.internet.servers)
            self.tunnel = Tunnel(self._socket_for_function)
            self._ending.callback(self.tunnel.close)
        except BaseException:
            self.close()
            raise

    @property
    def prefix(self) -> str:
        """What everything of this run is called by on this machine."""
        return self._directory.prefix

    def _namespace(self, name: str) -> Namespace:
        return Namespace.create(f"{self.prefix}{name}")

    # ── machines ────────────────────────────────────────────────────────────────────────────────────────────
    def create_instance(self, instance_id: str, private_ip: str, vswitch_id: str) -> None:
        """A machine without power, as its image left it."""
        with self._lock:
            self._made += 1
            name = f"{instance_id}-{self._made}"
            home = self._vswitches[vswitch_id]
            network = self._namespace(name)
            cable = self._connect(home, network, private_ip)
            disk = Disk.create(self._root, self._directory.disks / name, instance_id, RESOLVER)
            self.guests[instance_id] = Machine(name, disk, home.router, cable, network, lambda: self._lock)
            self._homes[instance_id] = vswitch_id
            self._give(instance_id)
            self._render_routes_to(instance_id)

    def power_on(self, instance_id: str) -> None:
        """Boot, in the background; `settle` waits for it."""
        self.guests[instance_id].power_on()

    def power_off(self, instance_id: str, *, hard: bool) -> None:
        self.guests[instance_id].power_off(hard=hard)

    def destroy_instance(self, instance_id: str) -> None:
        with self._lock:
            guest = self.guests.pop(instance_id, None)
            if guest is None:
                return
            guest.power_off()
            home = self._vswitches[self._homes.pop(instance_id)]
            home.cables.remove(guest.cable)
            self._addresses.pop(instance_id, None)
            home.router.give_address(guest.cable, ())
            self._render_routes_to(instance_id)

        def finish() -> None:
            with contextlib.suppress(Exception):  # a boot that failed does not matter any more
                guest.destroy()
            with self._lock, contextlib.suppress(CommandFailed, OSError):  # where the lab's own end was quicker
                home.router.disconnect(guest.cable)
            guest.network.delete()

        threading.Thread(target=finish, name=f"end of {instance_id}", daemon=True).start()

    def settle(self, timeout_s: float = 90.0) -> None:
        """Wait until every machine is up or down as it was told. Raises BootFailed or TimeoutError."""
        for guest in list(self.guests.values()):
            guest.settle(timeout_s)

    def agent_alive(self, instance_id: str) -> bool:
        """A machine without power, one that boots, or one whose processes stand still has no heartbeat."""
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

        threading.Thread(target=work, name=f"script on {instance_id}", daemon=True).start()

    # ── network ─────────────────────────────────────────────────────────────────────────────────────────────
    def create_vswitch(self, vswitch_id: str, cidr: str, vpc_id: str) -> None:
        """A vSwitch with one private host in it; its VPC's router comes into being with the first."""
        with self._lock:
            if vpc_id not in self._routers:
                self._routers[vpc_id] = self._new_router()
            router = self._routers[vpc_id]
            router.add_vswitch(cidr)
            network = ipaddress.IPv4Network(cidr)
            address = str(network[network.num_addresses // 2])
            host = self._namespace(f"host-{vswitch_id}")
            vswitch = _Vswitch(cidr, router, host, address)
            self._connect(vswitch, host, address)
            self._vswitches[vswitch_id] = vswitch

    def attach_table(self, vswitch_id: str, table_id: str) -> None:
        with self._lock:
            vswitch = self._vswitches[vswitch_id]
            vswitch.table = table_id
            for destination in self._tables.setdefault(table_id, {}):
                self._render(table_id, destination)
            for cable in vswitch.cables:
                vswitch.router.use_table(cable, table_id)

    def set_route(self, table_id: str, destination: str, next_hop_type: str, next_hop_id: str) -> None:
        """What is sent to the destination goes there from now on. Kinds other than these two lead nowhere."""
        with self._lock:
            self._tables.setdefault(table_id, {})[destination] = (next_hop_type, next_hop_id)
            self._render(table_id, destination)

    def remove_route(self, table_id: str, destination: str) -> None:
        with self._lock:
            if self._tables.get(table_id, {}).pop(destination, None):
                for router in self._routers_of(table_id):
                    router.remove_route(table_id, destination)

    def bind_address(self, resource_id: str, public_ip: str) -> None:
        with self._lock:
            addresses = self._addresses.setdefault(resource_id, [])
            if public_ip not in addresses:
                addresses.append(public_ip)
            self._give(resource_id)

    def unbind_address(self, resource_id: str, public_ip: str) -> None:
        with self._lock:
            addresses = self._addresses.get(resource_id, [])
            if public_ip not in addresses:
                return
            addresses.remove(public_ip)
            if not any(public_ip in others for others in self._addresses.values()):
                self.internet.forget(public_ip)
            self._give(resource_id)

    def internet_down(self) -> None:
        """Nothing on the internet answers."""
        with self._lock:
            self.internet.down()

    def internet_up(self) -> None:
        """It answers again."""
        with self._lock:
            self.internet.up()

    def narrow_internet(self, mtu: int = 1500) -> None:
        """The way to the internet takes packets of `mtu` bytes at most."""
        with self._lock:
            for router in self._routers.values():
                router.narrow(mtu)

    def _new_router(self) -> Router:
        namespace = self._namespace(f"vpc{len(self._routers)}-{self._made}")
        self._made += 1
        router = Router(namespace, self.internet.connect(namespace))
        self._servers.append(start_servers(namespace, {"dns": [RESOLVER]}))
        return router

    def _connect(self, vswitch: _Vswitch, owner: Namespace, address: str) -> Cable:
        cable = vswitch.router.connect(owner, address, vswitch.cidr)
        vswitch.cables.append(cable)
        if vswitch.table:
            vswitch.router.use_table(cable, vswitch.table)
        return cable

    def _routers_of(self, table_id: str) -> list[Router]:
        found = [vswitch.router for vswitch in self._vswitches.values() if vswitch.table == table_id]
        return list({id(router): router for router in found}.values())

    def _render(self, table_id: str, destination: str) -> None:
        kind, hop = self._tables[table_id][destination]
        for router in self._routers_of(table_id):
            router.set_route(table_id, destination, self._cable_to(kind, hop, router))

    def _render_routes_to(self, hop_id: str) -> None:
        for table_id, entries in self._tables.items():
            for destination, (_, hop) in entries.items():
                if hop == hop_id:
                    self._render(table_id, destination)

    def _cable_to(self, kind: str, hop: str, router: Router) -> Cable | None:
        if kind == "Instance" and hop in self.guests:
            return self.guests[hop].cable
        if kind == "NatGateway":
            return self._nat_gateway(hop, router).cable
        return None

    def _nat_gateway(self, gateway_id: str, router: Router) -> _NatGateway:
        if gateway_id not in self._nat_gateways:
            namespace = self._namespace(gateway_id)
            address = str(ipaddress.IPv4Network(_NAT_NETWORK)[_FIRST_NAT_HOST + len(self._nat_gateways)])
            cable = router.connect(namespace, address, _NAT_NETWORK)
            namespace.sysctl(ip_forward=1)
            self._nat_gateways[gateway_id] = _NatGateway(namespace, router, cable)
            self._give(gateway_id)
        return self._nat_gateways[gateway_id]

    def _give(self, resource_id: str) -> None:
        """Hold the network to what a resource's public addresses are."""
        addresses = self._addresses.get(resource_id, [])
        if guest := self.guests.get(resource_id):
            router = self._vswitches[self._homes[resource_id]].router
            router.give_address(guest.cable, addresses)
        elif gateway := self._nat_gateways.get(resource_id):
            router = gateway.router
            for public_ip in addresses[:1]:
                gateway.namespace.ip(f"addr replace {public_ip}/32 dev lo")
                gateway.namespace.nft(
                    "table ip nat {}\ndelete table ip nat\ntable ip nat { chain leaving {"
                    f" type nat hook postrouting priority 100; oifname eth0 snat to {public_ip}; }}; }}"
                )
                router.route_public(gateway.cable, public_ip)
        else:
            return
        for public_ip in addresses:
            self.internet.lead(public_ip, router.namespace)

    # ── where packets go ────────────────────────────────────────────────────────────────────────────────────
    def private_host(self, vswitch_id: str) -> Namespace:
        """The namespace that is a private host in this vSwitch."""
        return self._vswitches[vswitch_id].host

    def private_address(self, vswitch_id: str) -> str:
        """The address of the private host in this vSwitch."""
        return self._vswitches[vswitch_id].host_address

    def path(self, source_vswitch_id: str, destination_ip: str, port: int = 80, patience_s: float = _PATIENCE_S) -> Way:
        """The way of a new connection of the private host in this vSwitch: really opened, waiting for an answer."""
        vswitch = self._vswitches.get(source_vswitch_id)
        if vswitch is None:
            return Dropped(f"there is no vSwitch {source_vswitch_id}")
        way = reachability.check(vswitch.host.socket(), destination_ip, port, patience_s)
        if isinstance(way, Dropped) and way.reason.endswith("refuses") and self._is_private(destination_ip):
            return Reached("")
        return way

    def path_from_instance(self, instance_id: str, destination_ip: str, port: int = 80) -> Way:
        """The way of the machine's own connection."""
        guest = self.guests.get(instance_id)
        if guest is None or not guest.alive:
            return Dropped(f"{instance_id} does not run")
        return reachability.check(guest.network.socket(), destination_ip, port, _PATIENCE_S)

    def path_from_public(self) -> Way:
        """The way of a connection that starts outside every VPC."""
        way = reachability.check(self._public_socket(), "203.0.113.10", 80, _PATIENCE_S)
        return Dropped("the internet does not answer") if isinstance(way, Dropped) else Reached(PUBLIC_SIDE)

    def path_inward(self, public_ip: str, port: int, vswitch_id: str = "") -> tuple[str, int] | Dropped:
        """The private address and port that answer TCP to a public address, from the internet or a vSwitch's host."""
        origin = self._vswitches[vswitch_id].host if vswitch_id else self.internet.namespace
        hosts = [vswitch.host for vswitch in self._vswitches.values()]
        found = reachability.arrival(origin, hosts, public_ip, port, _PATIENCE_S)
        return found or Dropped(f"a connection to {public_ip}:{port} is answered by no private host")

    def _is_private(self, address: str) -> bool:
        return any(
            ipaddress.IPv4Address(address) in ipaddress.IPv4Network(each.cidr) for each in self._vswitches.values()
        )

    def _public_socket(self) -> socket.socket:
        made = self.internet.namespace.socket()
        made.bind((PUBLIC_SIDE, 0))
        return made

    def _socket_for_function(self, vswitch_id: str) -> socket.socket | None:
        if not vswitch_id:
            return self._public_socket()
        vswitch = self._vswitches.get(vswitch_id)
        if vswitch is None:
            return None
        self.checks[vswitch_id] = self.checks.get(vswitch_id, 0) + 1
        return vswitch.host.socket()

    # ── end ─────────────────────────────────────────────────────────────────────────────────────────────────
    def reset(self) -> None:
        """No machines, no network, an internet that answers."""
        with self._lock:
            guests, self.guests = list(self.guests.values()), {}
            for guest in guests:
                guest.power_off()
        for guest in guests:
            with contextlib.suppress(Exception):  # a boot that failed does not matter any more
                guest.destroy()
        with self._lock:
            self.internet.up()
            for addresses in self._addresses.values():
                for public_ip in addresses:
                    self.internet.forget(public_ip)
            kept = self.internet.namespace.name
            self._directory.clean_namespaces(keep=kept)
            while len(self._servers) > 1:  # the first are the internet's
                self._servers.pop().communicate()
            for kept_things in (self._routers, self._vswitches, self._homes, self._tables, self._addresses):
                kept_things.clear()
            self._nat_gateways.clear()
            self.checks.clear()

    def close(self) -> None:
        """Leave nothing behind; may be called twice, and is at the latest when the process ends."""
        atexit.unregister(self.close)
        self._ending.close()

    def _end(self) -> None:
        self._directory.clean()
        for guest in self.guests.values():
            guest.abandon()
        for server in self._servers:
            server.communicate()

    def __enter__(self) -> LabDataPlane:  # noqa: PYI034  Python 3.10 has no Self, and nobody inherits
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
