#!/bin/sh
# The Debian packages that the lab needs (natlab.real), installed once: as root, where apt is, and where the kernel lets
# us make namespaces at all. Everywhere else nothing happens, and the lab's tests say why they are skipped.
# NATLAB_INSTALL=no forbids it.
set -eu

packages=
extra=
need() { command -v "$1" >/dev/null 2>&1 || packages="$packages $2"; }
wish() { command -v "$1" >/dev/null 2>&1 || extra="$extra $2"; }
need debootstrap debootstrap
need systemd-nspawn systemd-container
need nft nftables
need ip iproute2
need nsenter util-linux
# Only the test of WireGuard needs these; without them it is skipped.
wish wireguard-go wireguard-go
wish wg wireguard-tools

[ -n "$packages$extra" ] || exit 0
[ "${NATLAB_INSTALL:-yes}" != no ] || exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 0
unshare --net --mount true 2>/dev/null || exit 0

echo "natlab: installing$packages$extra (once, for the lab)" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@" >>"$log" 2>&1
}
# shellcheck disable=SC2086  # lists of words
all() { { [ -z "$packages" ] || install $packages; } && { [ -z "$extra" ] || install $extra; }; }
all || { apt-get -q update >>"$log" 2>&1 && all; } || {
    echo "natlab: that did not work; what needs them says so: $(tail -n 1 "$log")" >&2
}
