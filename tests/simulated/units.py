"""What the setup script tells systemd: each line of its units and drop-ins, with its reason."""

from __future__ import annotations

from natlab.simulated.guest import Guest

SECTION = ""
KEEPS_ON = "the minus: where it fails, the service starts all the same"
UNITS: dict[str, tuple[tuple[str, str], ...]] = {
    "firewalld.service.d/natkeeper.conf": (
        ("[Service]", SECTION),
        ("ExecStartPost=-/bin/sh -c 'exec sysctl -q -p /etc/sysctl.d/zz-natkeeper.conf'", KEEPS_ON),
    ),
    "firewalld.service.d/natkeeper-ufw.conf": (
        ("[Service]", SECTION),
        (
            (
                "ExecStartPost=-/bin/sh -c "
                "'timeout 40 firewall-cmd --state; exec /lib/ufw/ufw-init start quiet'"
            ),
            "firewalld takes ufw's rules as it starts: they come after it, and it is not waited for without end",
        ),
    ),
    "docker.service.d/natkeeper.conf": (
        ("[Service]", SECTION),
        ("ExecStartPost=-/bin/sh -c 'exec iptables -w -I DOCKER-USER -i eth0 -o eth0 -j ACCEPT'", KEEPS_ON),
    ),
    "natkeeper-proxy.service": (
        ("[Unit]", SECTION),
        ("Description=natkeeper: reverse proxy", "for a person"),
        ("After=network-online.target", "it listens on the machine's addresses"),
        ("[Service]", SECTION),
        ("Type=forking", "nginx goes into the background"),
        ("PIDFile=/run/natkeeper-nginx.pid", "as its configuration has it, beside a person's own nginx"),
        ("ExecStart=/usr/sbin/nginx -c /etc/natkeeper/nginx.conf", "never the package's configuration"),
        ("ExecReload=/bin/kill -HUP $MAINPID", "connections go on"),
        ("Restart=on-failure", "a person may stop it"),
        ("RestartSec=5", "no storm"),
        ("LimitNOFILE=65536", "as its configuration has it"),
        ("[Install]", SECTION),
        ("WantedBy=multi-user.target", "it is there after a reboot"),
    ),
    "natkeeper-table.service": (
        ("[Unit]", SECTION),
        ("Description=natkeeper: connections between gateways", "for a person"),
        ("After=network-online.target firewalld.service", "firewalld's start may flush what is there"),
        ("[Service]", SECTION),
        ("ExecStartPre=/bin/sh /etc/natkeeper/table.sh load", "no watch without a table"),
        ("ExecStart=/bin/sh /etc/natkeeper/table.sh watch", "it ends where the table is gone"),
        ("ExecStopPost=/bin/sh /etc/natkeeper/table.sh stop", "no half of it stays"),
        ("Restart=always", "the watch ended: loaded anew"),
        ("RestartSec=2", "six starts take more than ten seconds: systemd never gives up"),
        ("[Install]", SECTION),
        ("WantedBy=multi-user.target", "it is there after a reboot"),
    ),
}  # fmt: skip
"""By name below /etc/systemd/system."""


def assert_unit(guest: Guest, name: str) -> None:
    """The file is there, line by line as the table has it."""
    text = (guest.directory / "root/etc/systemd/system" / name).read_text()
    said = text.replace(f"{guest.directory}/bin/", "/usr/sbin/")
    assert said.splitlines() == [line for line, _ in UNITS[name]]
