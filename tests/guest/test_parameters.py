"""What a setup may be asked to do, and what is refused before it comes near a shell."""

from __future__ import annotations

import base64
import gzip
import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natkeeper.guest import (
    AddressMode,
    BadParameter,
    ForeignRules,
    Mode,
    PortForward,
    SetupParameters,
    parameter_block,
)
from natkeeper.guest.script import fingerprint

GOOD = SetupParameters(mode=Mode.APPLY, sources=("10.0.0.0/8",))
HOSTILE = ("a'b", 'a"b', "a b", "a\nb", "$(reboot)", "`reboot`", "a;b", "a&&b", "a|b", "a\\b", "--x", "", "ä", "a\0b")


def lines(parameters: SetupParameters) -> list[str]:
    """The order as the script will read it."""
    return gzip.decompress(base64.b64decode(parameter_block(parameters))).decode().splitlines()


def test_the_whole_order_is_written_as_lines_of_key_and_value() -> None:
    """Every parameter appears once, in the form that the script reads."""
    parameters = SetupParameters(
        mode=Mode.CHECK,
        sources=("10.0.0.0/8", "172.16.0.0/12"),
        networks=("10.0.1.0/24", "10.0.2.0/25"),
        primary=("10.0.0.11", "10.0.0.12"),
        address=AddressMode.FOLLOW,
        zone="external",
        interfaces=("eth0", "eth1"),
        port_forwards=(
            PortForward("tcp", 8080, "10.0.1.5", 80),
            PortForward("udp", 53, "10.0.1.6", 53, ("203.0.113.0/24", "198.51.100.0/24")),
        ),
        targets=("https://www.internet.test/ip", "tcp://dns.internet.test:53"),
        egress_required=True,
        foreign=ForeignRules.REMOVE,
    )
    *order, script, print_ = lines(parameters)
    assert order == [
        "mode check",
        "source 10.0.0.0/8",
        "source 172.16.0.0/12",
        "address follow",
        "zone external",
        "interface eth0",
        "interface eth1",
        "primary 10.0.0.11",
        "primary 10.0.0.12",
        "forward tcp 8080 10.0.1.5 80",
        "forward udp 53 10.0.1.6 53 203.0.113.0/24",
        "forward udp 53 10.0.1.6 53 198.51.100.0/24",
        "target https://www.internet.test/ip www.internet.test:443",
        "target tcp://dns.internet.test:53 dns.internet.test:53",
        "egress required",
        "foreign remove",
        "prove 10.0.1.254 10.0.1.0/24",
        "prove 10.0.2.126 10.0.2.0/25",
    ]
    assert script.startswith("script ")
    assert print_ == f"fingerprint {fingerprint(parameters)}"


def test_the_fingerprint_is_of_what_the_gateway_should_be_not_of_the_mode() -> None:
    """Checking and applying the same order have one fingerprint; another order has another."""
    assert fingerprint(GOOD) == fingerprint(replace(GOOD, mode=Mode.CHECK))
    assert fingerprint(GOOD) == fingerprint(replace(GOOD, prove=False))
    asked = replace(GOOD, primary=("10.0.0.11",), public=("47.1.2.3",), networks=("10.0.1.0/24",))
    assert fingerprint(GOOD) == fingerprint(asked)
    assert fingerprint(GOOD) != fingerprint(replace(GOOD, sources=("10.0.0.0/16",)))


def test_an_order_of_sources_alone_says_nothing_else() -> None:
    """What is not asked for is left to the script's defaults."""
    *order, script, print_ = lines(GOOD)
    assert order == ["mode apply", "source 10.0.0.0/8", "address own", "prove 10.255.255.254 10.0.0.0/8"]
    assert (script.split()[0], print_.split()[0]) == ("script", "fingerprint")


def test_hosts_whose_visitors_are_hidden_are_named_once() -> None:
    """By protocol, target and port there."""
    one = PortForward("tcp", 8080, "10.0.1.5", 80, hide_source=True)
    asked = replace(
        GOOD, port_forwards=(one, replace(one, port=81), replace(one, to_port="any", port="any", protocol="udp"))
    )
    assert [line for line in lines(asked) if line.startswith("hidden")] == [
        "hidden tcp 10.0.1.5 80", "hidden udp 10.0.1.5 any",
    ]  # fmt: skip


def test_a_network_without_room_gives_no_address_to_the_proof() -> None:
    """Only a network of at least four addresses has one that no host can have."""
    assert not any(line.startswith("prove") for line in lines(replace(GOOD, sources=("10.0.0.1/32",))))
    assert "prove 10.0.1.2 10.0.1.0/30" in lines(replace(GOOD, sources=("10.0.0.1/32", "10.0.1.0/30")))
    two = lines(replace(GOOD, sources=("10.0.0.0/24", "10.0.1.0/24")))
    assert [line for line in two if line.startswith("prove")] == ["prove 10.0.0.254 10.0.0.0/24"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "field", ["zone", "sources", "interfaces", "targets", "to_address", "forward_source", "protocol"]
)
def test_nothing_that_a_shell_could_read_is_accepted(field: str, value: str) -> None:
    """Quotes, blanks, line breaks, substitutions and options are refused in every text."""
    changes: dict[str, Any] = {
        "zone": {"zone": value},
        "sources": {"sources": (value,)},
        "interfaces": {"interfaces": (value,)},
        "targets": {"targets": (f"http://host/{value}",)},
    }
    if field == "zone" and not value:
        return  # an empty zone means the default zone
    if field == "targets" and value in {"--x", "a&&b", ""}:
        return  # a path like any other: behind a scheme no option, and only ever read as data
    builds: dict[str, Callable[[], object]] = {
        "to_address": lambda: PortForward("tcp", 1, value, 1),
        "forward_source": lambda: PortForward("tcp", 1, "10.0.0.1", 1, (value,)),
        "protocol": lambda: PortForward(value, 1, "10.0.0.1", 1),
    }
    build = builds.get(field, lambda: replace(GOOD, **changes[field]))
    with pytest.raises(BadParameter, match="allowed is"):
        build()


NETWORK, ADDRESS = "an IPv4 network such as 10.0.0.0/8", "an IPv4 address such as 10.0.1.5"
URL = "http://host/path, https://host/path or tcp://host:port"
PORT = "a number from 1 to 65535, a range such as 30000-30100, or any"


@pytest.mark.parametrize(
    "change, allowed",
    [
        ({"sources": ()}, "at least one network"),
        *(({"sources": (each,)}, NETWORK) for each in ("10.0.0.1/8", "10.0.0.0", "fd00::/8", b"10.0.0.0/8")),
        *(({each: "10.0.0.0/8"}, "a tuple") for each in ("sources", "networks")),
        *(({each: ["10.0.0.1"]}, "a tuple") for each in ("primary", "public")),
        *(({each: []}, "a tuple") for each in ("interfaces", "port_forwards", "targets")),
        ({"networks": ("10.0.1.1/24",)}, NETWORK),
        *(({"primary": (each,)}, ADDRESS) for each in ("10.0.1.1/24", "10.0.01.1", 7)),
        ({"public": ("47.1.2.300",)}, ADDRESS),
        *(({"zone": each}, "letters, digits, - and _, at most 17") for each in ("a" * 18, 7)),
        ({"interfaces": ("a" * 16,)}, "the name of an interface"),
        *(({"targets": (f"{each}/",)}, URL) for each in ("ftp://host", "http://user@host", "tcp://host:53")),
        *(({"targets": (each,)}, URL) for each in ("tcp://host", "tcp://host:53/x")),
        *(({"targets": (f"http://host:{each}/",)}, "a port from 1 to 65535") for each in (0, 65536)),
        ({"mode": "apply"}, "apply, check"),
        ({"address": "own"}, "own, follow"),
        ({"foreign": "report"}, "report, remove"),
        ({"services": "close"}, "keep or report"),
        ({"way_in": "any"}, "route or every"),
        *(({"established_s": each}, "a number of seconds") for each in (-1, 1.0, True)),
    ],
)
def test_values_of_the_wrong_kind_are_refused_by_name(change: dict[str, Any], allowed: str) -> None:
    """The refusal names the parameter and its value, and says what would be allowed."""
    [(name, value)] = change.items()
    with pytest.raises(BadParameter) as refusal:
        replace(GOOD, **change)
    shown = value[0] if isinstance(value, tuple) and value else value
    assert (refusal.value.field, refusal.value.value, refusal.value.allowed) == (name, shown, allowed)
    assert str(refusal.value) == f"{name}: {shown!r} is not allowed; allowed is {allowed}"


@pytest.mark.parametrize(
    "change",
    [
        {"zone": "a" * 17}, {"interfaces": ("a" * 15,)}, {"established_s": 0}, {"established_s": 1},
        {"targets": ("http://host:1/",)}, {"targets": ("https://host:65535",)}, {"targets": ("tcp://host:53",)},
        {"sources": ("10.0.0.1/32",)},
    ],
)  # fmt: skip
def test_values_at_their_limits_are_accepted(change: dict[str, Any]) -> None:
    """The last that is good."""
    [(name, value)] = change.items()
    assert getattr(replace(GOOD, **change), name) == value


WRONG: dict[str, tuple[Any, str]] = {
    "protocol": ("icmp", "tcp or udp"), "port": (0, PORT), "to_port": ("x", PORT),
    "to_address": ("10.0.0.1/32", ADDRESS), "sources": (("10.0.0.1/8",), NETWORK), "address": ("10.0.0", ADDRESS),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_forward_is_refused_by_its_part(name: str) -> None:
    """Of all forwards the part is named, with its value."""
    value, allowed = WRONG[name]
    with pytest.raises(BadParameter) as refusal:
        replace(PortForward("tcp", 1, "10.0.0.1", 1), **{name: value})
    shown = value[0] if isinstance(value, tuple) else value
    said = (refusal.value.field, refusal.value.value, refusal.value.allowed)
    assert said == (f"port_forwards.{name}", shown, allowed)


@pytest.mark.parametrize(
    "port", [0, -1, 65536, "80", 80.0, True, "1-", "-1", "1-2-3", "2-1", "0-5", "1-65536", "01-05", "ANY", ""]
)
def test_ports_are_numbers_of_ports(port: Any) -> None:
    """Nothing else, on either side."""
    with pytest.raises(BadParameter, match=r"port_forwards\.port"):
        PortForward("tcp", port, "10.0.0.1", 80)
    with pytest.raises(BadParameter, match=r"port_forwards\.to_port"):
        PortForward("tcp", 80, "10.0.0.1", port)


@pytest.mark.parametrize("port", [1, 65535, "1-2", "80-80", "1-65535", "any"])
def test_a_range_of_ports_is_written_with_a_line(port: int | str) -> None:
    """From the lower to the higher; all are any."""
    assert PortForward("udp", port, "10.0.0.1", port).to_port == port


@given(st.text())
def test_any_text_is_refused_or_harmless(text: str) -> None:
    """What is accepted as zone, interface or target holds only characters that mean nothing to a shell."""
    harmless = set(string.ascii_letters + string.digits + "-_./:?%&=+,@~")
    for change in ({"zone": text}, {"interfaces": (text,)}, {"targets": (text,)}, {"targets": (f"http://h/{text}",)}):
        try:
            accepted = replace(GOOD, **change)
        except BadParameter:
            continue
        for line in accepted.lines():
            assert set(line) <= harmless | {" "}
            assert "\n" not in line
