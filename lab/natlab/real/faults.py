"""What can a person, or another program, do wrong on a gateway?  The same words as on simulated machines, for real."""

from __future__ import annotations

from natlab.cloud.dataplane import CommandResult

_TIMEOUT_S = 60.0
_LOSE_MASQUERADE = r"""
firewall-cmd $p --list-all-zones | sed -n '
    s/^\([[:alnum:]_][^ ]*\).*/zone \1/p
    s/^ *masquerade: yes.*/plain/p
    s/^[[:space:]]*\(rule .*masquerade\) *$/\1/p
' | while read -r what rest; do
    case $what in
    zone) z=$rest ;;
    plain) firewall-cmd -q $p --zone="$z" --remove-masquerade ;;
    rule) firewall-cmd -q $p --zone="$z" --remove-rich-rule="rule $rest" ;;
    esac
done
"""
_UNBIND = r"""
for z in $zones; do firewall-cmd -q $p --zone="$z" --remove-interface=eth0; done
"""

_TRACK = r"""
own=$(ip -4 -o addr show scope global | sed -n 's/.* inet \([0-9.]*\).*/\1/p' | sed -n 1p)
{ $numbers; } | awk -v own="$own" '{
    there = "$there"; if (there == "") there = "203.0.113." 100 + int($1 / 50000)
    port = 1024 + $1 % $ports
    print "-I -p tcp -s $host -d", there, "--sport", port, "--dport 443 -r", there, "-q", own,
        "--reply-port-src 443 --reply-port-dst", port, "--state ESTABLISHED -u ASSURED,SEEN_REPLY -t 900"
}' | conntrack -R - 2>&1 | tail -n 1
"""
"""Connections that nobody has, put into the kernel's table as it would have put them there."""
_HOST = "10.0.100.200"
_BUSY = "203.0.113.77"


class Misfortune:
    """By hand: each method runs the commands that a person would have typed."""

    def run(self, script: bytes, timeout_s: float) -> CommandResult | None:
        """Run a script on the machine."""
        raise NotImplementedError

    def by_hand(self, script: str) -> str:
        """Run a script as a person with a shell would, and return what it printed. Raises RuntimeError."""
        result = self.run(f"#!/bin/sh\n{script}\n".encode(), _TIMEOUT_S)
        if result is None or result.error or result.exit_code:
            said = "the machine does not answer" if result is None else f"{result.error} {result.output.decode()}"
            raise RuntimeError(f"{script}: {said.strip()}")
        return result.output.decode(errors="replace")

    def lose_masquerade(self, *, permanently: bool = False) -> None:
        """A person removes the masquerading rules of every zone."""
        self._each_configuration(_LOSE_MASQUERADE, permanently=permanently)

    def switch_off_forwarding(self) -> None:
        """A person runs `sysctl -w net.ipv4.ip_forward=0`."""
        self.by_hand("sysctl -q -w net.ipv4.ip_forward=0")

    def stop_firewalld(self, *, mask: bool = False) -> None:
        """A person stops the service, or masks it too."""
        self.by_hand("systemctl stop firewalld" + ("\nsystemctl mask firewalld" if mask else ""))

    def unbind_interface(self, *, permanently: bool = False) -> None:
        """A person takes the interface out of its zone."""
        zones = "zones=$(firewall-cmd --get-zone-of-interface=eth0 || firewall-cmd --get-default-zone)"
        self._each_configuration(_UNBIND, permanently=permanently, first=zones)

    def flush_rules(self) -> None:
        """A person runs `nft flush ruleset`."""
        self.by_hand("nft flush ruleset")

    def claim_source(self, network: str) -> None:
        """A person gives a network to the zone `internal`."""
        self.by_hand(f"for p in '' --permanent; do firewall-cmd -q $p --zone=internal --add-source={network}; done")

    def add_foreign_reject(self, where: str = "iptables") -> None:
        """Another program refuses forwarded packets: where is `iptables`, `nft` or `direct`."""
        commands = {
            "iptables": "iptables -w -I FORWARD -j REJECT",
            "nft": "nft 'add table inet other; add chain inet other forward { type filter hook forward priority 0; };"
            " add rule inet other forward counter reject'",
            "direct": "firewall-cmd -q --direct --add-rule ipv4 filter FORWARD 0 -j REJECT\n"
            "firewall-cmd -q --permanent --direct --add-rule ipv4 filter FORWARD 0 -j REJECT",
        }
        if where not in commands:
            raise ValueError(f"{where!r} is none of iptables, nft, direct")
        self.by_hand(commands[where])

    def fill_connections(self) -> None:
        """Private hosts keep so many connections that the table has no room left."""
        table = "/proc/sys/net/netfilter/nf_conntrack_"
        self._track(f"seq $(($(cat {table}max) - $(cat {table}count)))", "", 50000)

    def use_up_ports(self) -> None:
        """Private hosts keep a connection on every port that there is for one destination."""
        self._track("seq 0 64511", _BUSY, 64512)

    def break_proxy(self) -> None:
        """A person edits natkeeper's file, and gives nginx a module that is not there."""
        self.by_hand(
            "echo 'load_module nothing.so;' >/etc/nginx/modules-enabled/99-nothing.conf\n"
            "echo '# by hand' >>/etc/natkeeper/nginx.conf"
        )

    def _track(self, numbers: str, there: str, ports: int) -> None:
        script = _TRACK.replace("$numbers", numbers).replace("$there", there).replace("$ports", str(ports))
        self.by_hand(script.replace("$host", _HOST))

    def _each_configuration(self, commands: str, *, permanently: bool, first: str = ":") -> None:
        kinds = "'' --permanent" if permanently else "''"
        self.by_hand(f"{first}\nfor p in {kinds}; do {commands}\ndone 2>/dev/null; true")
