"""Where does a machine's system come from?  debootstrap, once; later runs find it in the cache.

What is built is a Debian as a cloud image would bring it, with firewalld installed and not configured. The packages
of firewalld and of nginx (which is not installed), and all that they need, are kept in it as a repository (MIRROR), the
only one that its apt knows: so a machine can be without them and install them where there is no internet. `more` are
packages that are kept there, too. The mirror they come from is the one that this machine's apt uses for Debian, else
debootstrap's own choice; NATLAB_MIRROR names another, NATLAB_CACHE another place than /var/cache/natlab. What signs
Ubuntu's releases (UBUNTU) is a package of Debian 13, fetched from there where this machine lacks it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from natlab.real.commands import CommandFailed, run

SUITE = "bookworm"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "netbase", "iproute2", "procps", "curl", "iputils-ping",
    "openssh-server",
)  # fmt: skip
# netbase: without it firewalld stops at INVALID_PROTOCOL. libpam-systemd: without it polkit stays half configured.
FIREWALL = "firewalld", "nftables", "iptables", "conntrack"
PROXY = "nginx", "libnginx-mod-stream"
MIRROR = "/srv/mirror"
UBUNTU = "bionic", "focal", "jammy", "noble"
_UBUNTU_KEYS = "usr/share/keyrings/ubuntu-archive-keyring.gpg"

_NOT_NEEDED = (
    "e2scrub_reap.service", "console-getty.service", "apt-daily.timer", "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer", "logrotate.timer",
    "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
    "dev-hugepages.mount",
)  # fmt: skip
_RECIPE = 3
"""Counted up when `_furnish` changes, so that caches made before are not taken for new ones."""

_KEEP = rf"""
mkdir -p {MIRROR}
cd {MIRROR}
mv /var/cache/apt/archives/*.deb .
for archive in *.deb; do
    file=$(dpkg-deb --field "$archive" Package).deb
    mv "$archive" "$file"
    dpkg-deb --field "$file"
    stat --printf 'Filename: ./%n\nSize: %s\n' "$file"
    sha256sum "$file" | sed 's/ .*//; s/^/SHA256: /'
    echo
done >Packages
"""
"""What apt has just fetched becomes a repository."""

_OWN_MOUNTS = ("unshare", "--mount", "--propagation", "private")
"""What a build mounts goes away with it, however it ends."""

Say = Callable[[str], None]


def is_cached(suite: str = SUITE) -> bool:
    """Return True if a start needs no build."""
    return _place(suite).is_dir()


def provide(suite: str = SUITE, say: Say = lambda _: None, more: tuple[str, ...] = ()) -> Path:
    """The root directory of a system, built if this is the first time. Raises CommandFailed."""
    place = _place(suite, more)
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with _alone(place.parent / f"{suite}.lock", say):
        if not place.is_dir():
            _build(suite, place, more, say)
    return place


def _place(suite: str, more: tuple[str, ...] = ()) -> Path:
    parts = _RECIPE, PACKAGES, FIREWALL, PROXY, _NOT_NEEDED, *more
    recipe = hashlib.sha256(repr(parts).encode()).hexdigest()[:8]
    return Path(os.environ.get("NATLAB_CACHE") or "/var/cache/natlab") / f"{suite}-{recipe}"


@contextlib.contextmanager
def _alone(path: Path, say: Say) -> Iterator[None]:
    with path.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another natlab is building the machines' root filesystem: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(suite: str, place: Path, more: tuple[str, ...], say: Say) -> None:
    draft = place.with_name(f".{place.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    say(f"building the machines' root filesystem, once: {suite} into {place} (about a minute)")
    bootstrap = ["debootstrap", "--variant=minbase"]
    try:
        if suite in UBUNTU:
            keys = _ubuntu_keys(place.parent)
            # Its own mirror, and the script that all releases of Ubuntu have: a new one has no link to it yet.
            bootstrap += ["--components=main,universe", f"--keyring={keys}", suite, str(draft), "", "gutsy"]
        else:
            mirror = _mirror()
            bootstrap += [suite, str(draft), *([mirror] if mirror else [])]
        _follow(bootstrap, "I: ", say)
        _install(draft, more, say)
        _furnish(draft)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    draft.rename(place)
    say("root filesystem ready")


def _mirror() -> str:
    """The mirror that apt of this machine uses for Debian; empty when it uses none."""
    try:
        known = run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(SUITE) $(REPO_URI)", "Created-By: Packages"])
    except CommandFailed:
        known = ""
    mirrors = [line.split() for line in known.splitlines() if line.startswith("Debian ")]
    found = next((where for _, suite, where in mirrors if "-" not in suite), "")  # "stable", not "stable-security"
    return os.environ.get("NATLAB_MIRROR") or found


def _ubuntu_keys(cache: Path) -> Path:
    """The keys that sign Ubuntu's releases: this machine's, or Debian 13's package of them. Raises CommandFailed."""
    for place in (Path("/"), cache):
        if (place / _UBUNTU_KEYS).exists():
            return place / _UBUNTU_KEYS
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        (Path(folder) / "lists/partial").mkdir(parents=True)
        (Path(folder) / "sources").write_text(f"deb {_mirror()} trixie main\n")
        options = {"State::lists": "lists", "Etc::sourcelist": "sources", "Etc::sourceparts": "none"}
        apt = ["apt-get", "-q", *(f"-oDir::{key}={folder}/{value}" for key, value in options.items())]
        apt += [f"-oDir::Cache::{kind}=" for kind in ("pkgcache", "srcpkgcache")]
        run([*apt, "update"], timeout_s=120.0)
        get = shlex.join([*apt, "download", "ubuntu-keyring"])
        run(["sh", "-ec", f"cd {folder} && {get} && dpkg-deb --extract *.deb ."])
        keys = cache / _UBUNTU_KEYS
        keys.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(folder) / _UBUNTU_KEYS, keys)
    return keys


def _follow(command: list[str], mark: str, say: Say) -> None:
    """Run a long command and say every twentieth of its steps."""
    process = subprocess.Popen(
        [*_OWN_MOUNTS, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    last, steps = "", 0
    assert process.stdout is not None  # noqa: S101  asked for above
    try:
        for line in process.stdout:
            last = line.strip() or last
            if line.startswith(mark):
                steps += 1
                if steps % 40 == 1:
                    say(f"  {line.removeprefix(mark).strip().rstrip('.')}")
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    finally:
        process.stdout.close()
        code = process.wait()
    if code:
        raise CommandFailed(f"{command[0]} ended with {code}: {last}")


def _install(root: Path, more: tuple[str, ...], say: Say) -> None:
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    excludes = "".join(f"path-exclude=/usr/share/{what}/*\n" for what in ("doc", "man", "locale"))
    (root / "etc/dpkg/dpkg.cfg.d/natlab").write_text(f"force-unsafe-io\n{excludes}")
    kept = (PROXY, *((each,) for each in more))  # one by one: they may exclude each other
    for packages, how in ((PACKAGES, ()), (FIREWALL, ()), *((each, ("--download-only",)) for each in kept)):
        if packages is FIREWALL:
            _in(root, "apt-get", "clean")
        say(f"  fetching {', '.join(packages)}")
        environment = ["env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"]
        install = ["apt-get", "-q", "-y", "install", "--no-install-recommends", *how, *packages]
        _follow(["chroot", str(root), *environment, *install], "Setting up ", say)
    _in(root, "sh", "-ec", _KEEP)


def _in(root: Path, *command: str) -> None:
    run(["chroot", str(root), *command])


def _furnish(root: Path) -> None:
    """Make a first boot quick, and every machine's identity its own."""
    for file in ("usr/sbin/policy-rc.d", "etc/dpkg/dpkg.cfg.d/natlab", "etc/machine-id", "etc/hostname"):
        (root / file).unlink(missing_ok=True)
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{MIRROR} ./\n")
    for unit in _NOT_NEEDED:
        mask = root / "etc/systemd/system" / unit
        if not mask.is_symlink():
            mask.symlink_to("/dev/null")
    journal = root / "etc/systemd/journald.conf.d"
    journal.mkdir(parents=True, exist_ok=True)
    (journal / "natlab.conf").write_text("[Journal]\nStorage=volatile\n")
