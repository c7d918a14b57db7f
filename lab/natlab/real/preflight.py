"""Can this machine hold the lab?  A sentence for each thing that is missing, with its remedy."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from natlab.real import rootfs
from natlab.real.commands import CommandFailed, run

PROGRAMS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
}
"""Programs the lab needs, and the Debian packages that have them."""

INSTEAD = "The simulated network needs none of this: make demo."
"""What is offered where something is missing."""


class NoLab(Exception):
    """This machine cannot hold the lab; the message says what is missing, and what there is instead."""


def require() -> None:
    """Raise NoLab when something is missing."""
    if missing := preflight():
        raise NoLab(" ".join([*missing, INSTEAD]))


def preflight() -> list[str]:
    """What is missing, one sentence each; empty when the lab can start. Touches nothing."""
    if not sys.platform.startswith("linux"):
        return ["The lab needs Linux: its machines are containers and network namespaces."]
    missing = []
    if os.geteuid() != 0:
        missing.append("The lab needs root, for network namespaces and containers: sudo make lab.")
    absent = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if rootfs.is_cached() and "debootstrap" in absent:
        absent.remove("debootstrap")
    if absent:
        missing.append(f"Packages are missing: apt-get install {' '.join(absent)}.")
    if not missing:
        missing += _kernel()
    return missing


def _kernel() -> list[str]:
    """Try what the kernel must be able to do, in a namespace that is gone at once."""
    probes = {
        "network namespaces and veth pairs": "ip link add natlab0 type veth peer name natlab1",
        "policy routing": "ip rule add pref 200 lookup 1000",
        "nftables with address maps": (
            "nft 'add table ip t; add map ip t m { type ipv4_addr : ipv4_addr; }; add chain ip t c"
            " { type filter hook prerouting priority -300; }; add rule ip t c ip daddr set ip daddr map @m'"
        ),
        "NAT and connection tracking": (
            "nft 'add table ip n; add chain ip n c { type nat hook postrouting priority 100; };"
            " add rule ip n c masquerade; add rule ip n c ct state new accept'"
        ),
    }
    missing = []
    for what, command in probes.items():
        try:
            run(["unshare", "--net", "sh", "-c", command])
        except CommandFailed as refusal:
            last = str(refusal).strip().splitlines()[-1][-120:]
            missing.append(f"This kernel lacks {what}, or a container around this shell forbids it ({last}).")
    try:
        overlay = "mount -t tmpfs t /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m && mount -t overlay o -o"
        layers = "lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/m"
        run(["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{overlay} {layers}"])
    except CommandFailed:
        missing.append("This kernel lacks overlay mounts, or a container around this shell forbids them.")
    if not Path("/sys/fs/cgroup").is_dir() or not os.access("/sys/fs/cgroup", os.W_OK):
        missing.append("Control groups are not writable here, so no system can be booted: use a virtual machine.")
    return missing


def main() -> None:
    """Say in one line why the lab's tests will be skipped, where they will."""
    missing = preflight()
    if missing:
        sys.stderr.write(f"natlab: the tests of the lab are skipped here. {' '.join(missing)}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
