"""`natkeeper notify --test`: the deployed function sends, and the command says who took it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.town import ROOT, Command, Workspace, _zipped
from tests.receipts.receiver import Receiver, webhook

_HANDLER = f"""
import sys
sys.path[:0] = {[str(ROOT / "shared")]!r} + [path for path in SITE]
from natkeeper.notify.handler import handler
"""


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with webhook() as serving:
        yield serving


def deploy(place: Workspace, urls: str) -> None:
    import sys

    site = [path for path in sys.path if path.endswith("site-packages")]
    source = _HANDLER.replace("SITE", repr(site))
    place.cloud.fc.create_function(
        {
            "functionName": "natkeeper-notify",
            "runtime": "python3.12",
            "handler": "index.handler",
            "timeout": 60,
            "code": {"zipFile": _zipped({"index.py": source})},
            "environmentVariables": {"NATKEEPER_NOTIFY": urls},
        }
    )


def test_every_address_takes_it(place: Workspace, natkeeper: Command, hook: Receiver) -> None:
    """Exit 0; the message has the account and region, links the runbook, and says that nothing is to be done."""
    deploy(place, hook.url)
    configured = place.home / "natkeeper.yaml"
    runbook = "https://wiki.example.com/natkeeper"
    configured.write_text(f"runbook: {runbook}\n{configured.read_text(encoding='utf-8')}", encoding="utf-8")
    ended = natkeeper("notify", "--test")
    assert (ended.code, "1 of 1 addresses took the test message." in ended.out) == (0, True), ended
    (arrived,) = hook.messages
    assert arrived["title"] == "[TEST] natkeeper test message"
    assert "cn-hangzhou" in arrived["message"]
    assert f"{runbook}#attention" in arrived["message"]


def test_one_that_fails_is_named_by_its_number(place: Workspace, natkeeper: Command, hook: Receiver) -> None:
    """Exit 1, and nothing of the address is shown."""
    deploy(place, f"{hook.url} nosuch://geheim-token")
    ended = natkeeper("notify", "--test")
    assert ended.code == 1
    assert "natkeeper-notify: address 2 is not understood" in ended.out
    assert "geheim" not in ended.out + ended.err


def test_a_function_without_addresses_says_how_to_give_it_some(place: Workspace, natkeeper: Command) -> None:
    """Exit 1 and the file's name."""
    deploy(place, "")
    ended = natkeeper("notify", "--test")
    assert ended.code == 1
    assert "NATKEEPER_NOTIFY is empty" in ended.err
    assert "natkeeper.notify" in ended.err


def test_a_configuration_without_notify_says_so(place: Workspace, natkeeper: Command) -> None:
    """Before anything is asked."""
    text = (place.home / "natkeeper.yaml").read_text(encoding="utf-8")
    (place.home / "natkeeper.yaml").write_text(text.replace("notify: natkeeper-notify", ""), encoding="utf-8")
    ended = natkeeper("notify", "--test")
    assert (ended.code, "has no notify" in ended.err) == (2, True)
    assert natkeeper("notify").code == 2
