"""Which images can a simulated machine be made from?  What differs between them, as data.

The firewalld generations differ in what an interface bound to no zone means for forwarded packets, in
whether a zone has a `forward` setting, and in the backend.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Flavour:
    """One image: operating system, package manager and generation of firewalld."""

    name: str
    os: str
    firewalld: str
    backend: str
    package_manager: str
    installed: bool = True
    """Whether the image brings firewalld."""
    starts_what_it_installs: bool = False
    """Debian's packages start their services when installed."""
    zones_forward: bool | None = True
    """The `forward` setting of a fresh zone; None where zones have no such setting (before 0.9)."""
    rejects_unbound: bool = True
    """Whether packets from an interface in no zone are rejected in spite of masquerading (1.0 and later)."""
    forwards_backwards: bool = False
    """Whether what goes to a source that a rich rule masquerades passes, and not what comes from it (up to 0.5.4)."""
    iptables: bool = True
    nft: bool = True
    sshd_ports: tuple[int, ...] = (22,)
    tc: bool = True
    """Whether the image brings tc (a package of its own on RPM-based images)."""
    conntrack: bool = True
    namespaces: bool = True
    """Whether the kernel can make network namespaces."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the file that the shims read."""
        return asdict(self)


_IMAGES = (
    Flavour(
        "centos7", "CentOS Linux 7 (Core)", "0.6.3", "iptables", "yum",
        zones_forward=None, rejects_unbound=False, nft=False, tc=False, conntrack=False,
    ),
    Flavour(
        "alinux3", "Alibaba Cloud Linux 3 (Soaring Falcon)", "0.9.11", "nftables", "dnf",
        zones_forward=False, rejects_unbound=False,
    ),
    Flavour(
        "debian12", "Debian GNU/Linux 12 (bookworm)", "1.3.3", "nftables", "apt-get",
        starts_what_it_installs=True,
    ),
    Flavour(
        "debian13", "Debian GNU/Linux 13 (trixie)", "2.3.1", "nftables", "apt-get",
        starts_what_it_installs=True,
    ),
    Flavour(
        "bare-ubuntu", "Ubuntu 24.04 LTS", "2.1.1", "nftables", "apt-get",
        installed=False, starts_what_it_installs=True,
    ),
    Flavour(
        "bare-anolis", "Anolis OS 8.9", "0.9.3", "nftables", "dnf",
        installed=False, zones_forward=False, rejects_unbound=False,
    ),
)  # fmt: skip

FLAVOURS = {image.name: image for image in _IMAGES}
