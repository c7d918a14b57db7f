"""On which systems, and beside what else, does the setup have to work?  The rows of `natlab drill --matrix`.

A row is a system that people run and one thing that they have on it. docs/gateway.md has what came of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from natlab.real.rootfs import SUITE

BESIDE: Final = "docker.io", "iptables-persistent", "network-manager", "ufw"
"""Packages that rows install; the images of the matrix keep them."""
_INSTALL: Final = (
    "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && "
    "apt-get -q -y -o Dpkg::Options::=--force-unsafe-io install"
)
_IPTABLES: Final = "sed -i 's/^FirewallBackend=.*/FirewallBackend=iptables/' /etc/firewalld/firewalld.conf"
_UNIT: Final = """cat >/etc/systemd/system/interfaces.service <<END
[Unit]
DefaultDependencies=no
Before=network-pre.target firewalld.service
Wants=network-pre.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '{0}'
[Install]
WantedBy=multi-user.target
END
systemctl enable --now interfaces"""
# Elsewhere udev tells NetworkManager to leave veth pairs alone, and interfaces are bare at boot.
_MANAGED: Final = f"""{_INSTALL} network-manager
printf '[main]\\nplugins=keyfile\\n[keyfile]\\nunmanaged-devices=except:interface-name:eth0\\n' \\
    >/etc/NetworkManager/conf.d/10-lab.conf
address=$(ip -4 -o addr show dev eth0 | awk '{{ print $4 }}') way=$(ip -4 route show default | awk '{{ print $3 }}')
{_UNIT.format("ip link set eth0 down; ip addr flush dev eth0")}
systemctl restart NetworkManager
nmcli connection add type ethernet ifname eth0 con-name office ipv4.method manual \\
    ipv4.addresses "$address" ipv4.routes "0.0.0.0/0 $way onlink=true" ipv6.method disabled
nmcli connection up office"""
_SECOND: Final = "ip link add eth1 type veth peer name far1; ip addr add 10.0.9.2/24 dev eth1; ip link set eth1 up"
_RENAMED: Final = "ip link set eth0 name ens5"


_BY_ITSELF: Final = "nothing", "iptables back end"

_NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Row:
    """A system (a suite of the archive that it is built from) and what is on it beside natkeeper.

    `prepare`: what a person did before the first setup. `unplug`: gives the interface back its name before the power
    goes. `refused`: the code by which the setup says that a person has to choose, and leaves all as it is.
    """

    system: str
    suite: str
    beside: str = _NOTHING
    prepare: str = ""
    unplug: str = ""
    refused: str = ""

    @property
    def name(self) -> str:
        """What the row is called by, for people and for `natlab drill --matrix WORD`."""
        return f"{self.system}, {self.beside}"

    @property
    def by_itself(self) -> bool:
        """Whether it is as its image brings it."""
        return self.beside == _NOTHING


_ALONE: Final = tuple(
    Row(system, suite, beside, prepare)
    for system, suite in (
        ("Debian 11", "bullseye"),
        ("Debian 12", SUITE),
        ("Debian 13", "trixie"),
        ("Ubuntu 20.04", "focal"),
        ("Ubuntu 22.04", "jammy"),
        ("Ubuntu 24.04", "noble"),
    )
    for beside, prepare in ((_NOTHING, ""), ("iptables back end", _IPTABLES))
)
ROWS: Final = (
    Row("Ubuntu 18.04", "bionic"),  # its firewalld is the nearest there is to that of CentOS 7
    *_ALONE,
    *(
        Row("Debian 12", SUITE, beside, prepare, unplug, refused)
        for beside, prepare, unplug, refused in (
            ("NetworkManager", _MANAGED, "", ""),
            ("docker", f"{_INSTALL} docker.io && systemctl enable --now docker", "", ""),
            ("ufw", f"{_INSTALL} ufw && ufw allow 22/tcp && ufw --force enable", "", ""),
            ("nftables.service", f"{_INSTALL} nftables && systemctl enable --now nftables", "", "other_firewall"),
            ("iptables-persistent",
                (f"{_INSTALL} iptables-persistent && iptables -A INPUT -p tcp --dport 22 -j ACCEPT && "
                "netfilter-persistent save"), "", "other_firewall"),
            ("two interfaces", _UNIT.format(_SECOND), "", ""),
            ("a renamed interface", _UNIT.format(_RENAMED), "ip link set ens5 name eth0", ""),
        )
    ),
)  # fmt: skip
UNTRIED: Final = (
    ("CentOS 7, firewalld 0.6.3", "its packages are not to be had where the matrix was played"),
    ("SELinux enforcing", "the lab's machines share a kernel that has none"),
)
"""What people run and the matrix does not have, and why."""
