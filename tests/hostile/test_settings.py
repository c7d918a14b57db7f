"""A configuration that is accepted can be carried out: it makes a setup order that a shell cannot misread."""

from __future__ import annotations

import base64
import contextlib
import gzip
import re
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from natkeeper.domain.config import parse_config
from natkeeper.domain.config_errors import ConfigError
from natkeeper.failover.gateway_setup import setup_parameters
from natkeeper.guest.script import parameter_block, render

HARMLESS = re.compile(r"[A-Za-z0-9 ._~:/?%&=+,@-]*")

evil_text = st.sampled_from(
    ["$(reboot)", "`id`", "a b", "a'b", 'a"b', "a\nb", "-rf", ".", "..", "a..b", "-", "x" * 300, "é", "a;b", "a|b", "*"]
)
hosts = st.from_regex(r"[A-Za-z0-9.-]{1,12}", fullmatch=True) | evil_text
targets = st.one_of(
    st.builds("http://{}/{}".format, hosts, st.from_regex(r"[A-Za-z0-9._~/-]{0,8}", fullmatch=True) | evil_text),
    st.builds("https://{}:{}".format, hosts, st.integers(0, 70000)),
    st.builds("{}:{}".format, hosts, st.integers(0, 70000)),
    evil_text,
)
sources = st.builds("10.{}.0.0/{}".format, st.integers(0, 256), st.integers(0, 33)) | evil_text
forwards = st.fixed_dictionaries(
    {"port": st.integers(0, 65536), "to": st.builds("10.0.0.{}:{}".format, st.integers(0, 256), st.integers(0, 65536))}
)


def config_of(**more: Any) -> Any:
    """A configuration with these settings of its group."""
    plain = {"gateways": ["i-alpha"], "routes": [{"table": "vtb-one"}]}
    return parse_config({"region": "cn-hangzhou", "groups": {"prod": {**plain, **more}}})


@settings(max_examples=300)
@given(
    aims=st.lists(targets, min_size=1, max_size=3),
    nets=st.lists(sources, max_size=2),
    ports=st.lists(forwards, max_size=2, unique_by=lambda forward: forward["port"]),
)
@example(aims=["http://-bad/"], nets=[], ports=[])
@example(aims=[".:53"], nets=[], ports=[])
@example(aims=["http://a/" + "x" * 300], nets=[], ports=[])
@example(aims=["a" * 300 + ":53"], nets=[], ports=[])
def test_what_is_accepted_can_be_set_up(aims: list[str], nets: list[str], ports: list[dict[str, Any]]) -> None:
    """Either the configuration is refused with reasons, or the order for the gateway is made and harmless."""
    config = None
    with contextlib.suppress(ConfigError):
        config = config_of(probe={"targets": aims}, sources=nets, forwards=ports)
    if config is None:
        return  # refused, with reasons: tests/config
    parameters = setup_parameters(config.groups[0])
    lines = gzip.decompress(base64.b64decode(parameter_block(parameters))).decode().split("\n")
    assert all(HARMLESS.fullmatch(line) for line in lines), lines
    assert len(lines) == len(parameters.lines()) + 3
    render(parameters)


@given(st.integers(1, 60), st.integers(0, 12), st.integers(1, 6))
def test_whatever_is_accepted_fits_into_one_command(forwards: int, sources: int, aims: int) -> None:
    """More forwards than a command has room for are refused before the deployment, not found out on a bad day."""
    many = [{"port": port, "to": "10.100.100.100:50000"} for port in range(10000, 10000 + forwards)]
    nets = [f"10.{100 + number}.0.0/16" for number in range(sources)]
    settings = {
        "forwards": many,
        "sources": nets,
        "probe": {"targets": [f"http://www.example{n}.com/" for n in range(aims)]},
    }
    if forwards + sources + aims > 12:
        with contextlib.suppress(ConfigError):
            render(setup_parameters(config_of(**settings).groups[0]))
        return
    render(setup_parameters(config_of(**settings).groups[0]))
