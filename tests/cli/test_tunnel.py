"""The doctor says with which gateways a relay works, and prints the security group's rule for the others."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.cli.doctor.gateways import tunnel
from natkeeper.cli.survey.network import SurveyedInstance
from natkeeper.domain.config import Group, parse_config
from natkeeper.guest.report import SetupFacts, SetupReport


def group(**more: Any) -> Group:
    """A group of two gateways."""
    settings = {"gateways": ["i-gwa", "i-gwb"], "routes": [{"table": "vtb-one"}], **more}
    return parse_config({"region": "cn-hangzhou", "groups": {"prod": settings}}).groups[0]


def machine(name: str, address: str) -> SurveyedInstance:
    """A gateway as the survey shows it."""
    fields: dict[str, Any] = dict.fromkeys(SurveyedInstance.__dataclass_fields__, "")
    return SurveyedInstance(**{**fields, "id": name, "private_ip": address, "groups": ("sg-one",)})


_LAST: dict[str, Any] = {"started": 0, "finished": 0, "script": "", "fingerprint": ""}
ALL = [machine("i-gwa", "10.0.0.11"), machine("i-gwb", "10.0.0.12")]


def report(answering: str) -> SetupReport:
    """The report of a setup that heard these by the tunnel."""
    facts = SetupFacts(tunnel=answering)
    return SetupReport("apply", ready=True, found=(), changed=(), undone=(), wrong=(), facts=facts, **_LAST)


@pytest.mark.parametrize("wanted", [{"relay": "10m"}, {"way_in": "every"}])
def test_a_silent_peer_is_named_with_the_rule(wanted: dict[str, str]) -> None:
    """Only 4790/udp, and only from that gateway."""
    (silent,) = tunnel(group(**wanted), ALL[0], ALL, report(""))
    assert "i-gwb does not answer" in silent.says
    assert "--IpProtocol udp --PortRange 4790/4790 --SourceCidrIp 10.0.0.12/32" in silent.do
    (well,) = tunnel(group(**wanted), ALL[0], ALL, report("10.0.0.12"))
    assert "i-gwb answers" in well.says


def test_nothing_is_said_where_nothing_was_asked_for() -> None:
    """Without the keys there is no tunnel."""
    assert list(tunnel(group(), ALL[0], ALL, report(""))) == []
