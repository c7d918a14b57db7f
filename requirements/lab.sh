#!/bin/sh
# The Debian packages that the lab needs (natlab.real), installed once: as root, where apt is, and where the kernel lets
# us make namespaces at all. Everywhere else nothing happens, and the lab's tests say why they are skipped.
# NATLAB_INSTALL=no forbids it.
set -eu

packages=
need() { command -v "$1" >/dev/null 2>&1 || packages="$packages $2"; }
need debootstrap debootstrap
need systemd-nspawn systemd-container
need nft nftables
need ip iproute2
need nsenter util-linux

[ -n "$packages" ] || exit 0
[ "${NATLAB_INSTALL:-yes}" != no ] || exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 0
unshare --net --mount true 2>/dev/null || exit 0

echo "natlab: installing$packages (once, for the lab)" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install() {
    # shellcheck disable=SC2086  # a list of words
    apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends $packages >>"$log" 2>&1
}
install || { apt-get -q update >>"$log" 2>&1 && install; } || {
    echo "natlab: that did not work, so the lab stays out of reach: $(tail -n 1 "$log")" >&2
}
