"""The notify function: receipts in, messages to people out, and no token of theirs in any log."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apprise
import pytest
from pytest_mock import MockerFixture

from natkeeper.notify.handler import NotToldError, handler
from natkeeper.notify.message import MOST_AT_LENGTH, Style, message
from tests.receipts.receiver import Receiver, webhook

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise's, until 3.13


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with webhook() as serving:
        yield serving


@pytest.fixture
def other() -> Iterator[Receiver]:
    with webhook() as serving:
        yield serving


def receipt(**more: object) -> dict[str, Any]:
    """A receipt as the failover function hands it over."""
    full: dict[str, Any] = {
        "receipt": 1,
        "group": "prod",
        "at": "2026-11-23T06:20:07.000Z",
        "signal": "i-alpha: Stopping",
        "outcome": "changed",
        "sentence": "moved 0.0.0.0/0 in vtb-one from i-alpha to i-bravo: i-alpha is Stopping",
        "next_hops": {"0.0.0.0/0 in vtb-one": "i-bravo"},
        "verified": True,
        "acts": [{"kind": "moved", "what": "0.0.0.0/0 in vtb-one", "to": "i-bravo", "came_from": "i-alpha"}],
    }
    return {**full, **more}


def tell(*receipts: object) -> bytes:
    """The payload of a hand-over."""
    return json.dumps({"tell": list(receipts)}).encode()


def places(monkeypatch: pytest.MonkeyPatch, *urls: str) -> None:
    """Configure where to tell."""
    monkeypatch.setenv("NATKEEPER_NOTIFY", " ".join(urls))


def test_a_webhook_gets_the_whole_story(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Title, sentence, signal and time, over real HTTP."""
    places(monkeypatch, hook.url)
    assert json.loads(handler(tell(receipt(problems=["busy: another task"])), None)) == {"told": 1, "of": 1}
    (arrived,) = hook.messages
    assert arrived["title"] == "[INFO] prod: moved to i-bravo"
    assert "i-alpha is Stopping" in arrived["message"]
    assert "Problem: busy: another task" in arrived["message"]


def test_what_needs_a_person_says_so(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trouble has another title than a change."""
    places(monkeypatch, hook.url)
    handler(tell(receipt(outcome="attention")), None)
    assert hook.messages[0]["title"] == "[WARNING] prod: moved to i-bravo, not seen to work yet"


def test_a_place_that_fails_does_not_keep_the_others_from_hearing(
    hook: Receiver, other: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One answers 500: the other is told, once, and the platform is not asked to tell everybody again."""
    hook.status = 500
    places(monkeypatch, hook.url, other.url)
    assert json.loads(handler(tell(receipt()), None)) == {"told": 1, "of": 2}
    assert len(other.messages) == 1
    log = json.loads(capsys.readouterr().out)
    assert log["message"] == "NATKEEPER_NOTIFY: URL 1 did not take the message"


def test_a_place_that_hangs_does_not_keep_the_others_from_hearing(
    hook: Receiver, other: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never answers: Apprise's own time-out ends it, and the other was told meanwhile."""
    hook.hangs.set()
    places(monkeypatch, hook.url, other.url)
    assert json.loads(handler(tell(receipt()), None))["told"] == 1
    assert len(other.messages) == 1


def test_where_nobody_could_be_told_the_platform_tries_again(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raising is how an asynchronous invocation is repeated; the error names no URL."""
    hook.status = 503
    places(monkeypatch, hook.url)
    with pytest.raises(NotToldError) as caught:
        handler(tell(receipt()), None)
    assert "geheim" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_no_token_is_ever_logged(
    hook: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not when it works, not when it fails, not when a URL cannot be understood."""
    hook.status = 500
    places(monkeypatch, hook.url, "nosuch://geheim-token@nowhere", "json://:geheim-token")
    with pytest.raises(NotToldError):
        handler(tell(receipt()), None)
    out, err = capsys.readouterr()
    assert "geheim" not in out + err + caplog.text
    lines = [json.loads(line) for line in out.splitlines()]
    assert any("URL 2 is not understood" in line["message"] for line in lines)


def test_a_plugin_that_raises_is_a_place_that_failed(
    mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fault inside Apprise is told by its kind; its text might quote a token."""
    mocker.patch.object(apprise.Apprise, "notify", side_effect=RuntimeError("https://geheim-token@example.test"))
    places(monkeypatch, "json://127.0.0.1:9/")
    with pytest.raises(NotToldError):
        handler(tell(receipt()), None)
    out = capsys.readouterr().out
    assert "RuntimeError" in out
    assert "geheim" not in out


def test_trouble_of_a_region_is_one_message(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty groups at once: one message, those that need a person first, the rest by name."""
    moved = [receipt(group=f"moved{n}") for n in range(48)]
    needing = [receipt(group=f"bad{n}", outcome="attention") for n in range(2)]
    places(monkeypatch, hook.url)
    handler(tell(*moved, *needing), None)
    (arrived,) = hook.messages
    assert arrived["title"] == "[WARNING] natkeeper: 50 groups, 2 of them need you"
    assert arrived["message"].startswith("[WARNING] bad0: ")
    assert f"and {50 - MOST_AT_LENGTH} more: " in arrived["message"]
    assert all(f"moved{n}" in arrived["message"] for n in range(48))


def test_several_moves_are_titled_as_moves() -> None:
    """Nobody needs to get up."""
    assert message([receipt(), receipt(group="b")], Style())[0] == "[INFO] natkeeper: 2 groups changed"


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"[]",
        b"null",
        b'{"tell": 7}',
        b'{"tell": []}',
        b'{"tell": ["x"]}',
        b"\xff",
        b"[" * 5000,
        b'{"triggerName": "x"}',
    ],
)
def test_what_is_no_hand_over_tells_nobody(event: bytes, hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a traceback, never a message."""
    places(monkeypatch, hook.url)
    assert json.loads(handler(event, None))["told"] == 0
    assert hook.messages == []


def test_an_odd_receipt_is_told_as_far_as_it_goes(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later version's receipt, or a damaged one, still reaches people."""
    places(monkeypatch, hook.url)
    handler(tell({"sentence": "all is odd", "next_hops": [1], "problems": "x", "outcome": ["?"]}), None)
    assert "all is odd" in hook.messages[0]["message"]


def test_without_places_nothing_is_imported_or_sent(mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function is deployed and not configured: it says so and is done."""
    made = mocker.patch.object(apprise, "Apprise")
    monkeypatch.setenv("NATKEEPER_NOTIFY", "  ")
    answer = json.loads(handler(tell(receipt()), None))
    assert answer == {"told": 0, "reason": "NATKEEPER_NOTIFY is empty"}
    made.assert_not_called()


def test_addresses_may_come_with_the_bundle(hook: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """notify.txt in the code, where `s` prints nothing of it; the environment is empty."""
    monkeypatch.setenv("NATKEEPER_NOTIFY", "")
    monkeypatch.setenv("FC_FUNCTION_CODE_PATH", str(tmp_path))
    tmp_path.joinpath("notify.txt").write_text(f"{hook.url}\n", encoding="utf-8")
    assert json.loads(handler(tell(receipt()), None)) == {"told": 1, "of": 1}
    assert len(hook.messages) == 1


def test_the_environment_wins_over_the_bundle(
    hook: Receiver, other: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One of the two is used, so nobody is told twice."""
    monkeypatch.setenv("FC_FUNCTION_CODE_PATH", str(tmp_path))
    tmp_path.joinpath("notify.txt").write_text(f"{other.url}\n", encoding="utf-8")
    places(monkeypatch, hook.url)
    handler(tell(receipt()), None)
    assert (len(hook.messages), len(other.messages)) == (1, 0)


@pytest.mark.parametrize(
    "given, file, count",
    [("", "", 0), ("", "a://b\nc://d\n", 2), ("a://b", "", 1), ("a://b c://d", "e://f\n", 2), ("none", "e://f\n", 0)],
)
def test_the_number_of_addresses_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, file: str, count: int
) -> None:
    """And nothing else of them: `none` in the environment means nobody, on purpose."""
    monkeypatch.setenv("NATKEEPER_NOTIFY", given)
    monkeypatch.setenv("FC_FUNCTION_CODE_PATH", str(tmp_path))
    tmp_path.joinpath("notify.txt").write_text(file, encoding="utf-8")
    assert json.loads(handler(b'{"action": "addresses"}', None)) == {"addresses": count}


def test_an_address_file_of_another_encoding_notifies_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The function answers, instead of failing at every message."""
    monkeypatch.delenv("NATKEEPER_NOTIFY", raising=False)
    monkeypatch.setenv("FC_FUNCTION_CODE_PATH", str(tmp_path))
    tmp_path.joinpath("notify.txt").write_bytes(b"\xff\xfe")
    assert json.loads(handler(tell(receipt()), None))["told"] == 0


# ---- a run that failed ---------------------------------------------------------------------------------------


def record(**more: object) -> bytes:
    """What Function Compute delivers to the destination of a failed invocation."""
    full = {
        "timestamp": 1773480414123,
        "requestContext": {
            "requestId": "1-65f2c1de-7a6e2b4f8031",
            "functionArn": "acs:fc:cn-hangzhou:1000000000000001:functions/natkeeper-failover",
            "condition": "UnhandledInvocationError",
            "approximateInvokeCount": 3,
        },
        "requestPayload": '{"triggerName":"sweep"}',
        "responseContext": {"statusCode": 200, "functionError": "UnhandledInvocationError"},
        "responsePayload": '{"errorMessage":"prod: the API does not answer","errorType":"RunFailedError"}',
    }
    return json.dumps({**full, **more}).encode()


@pytest.mark.parametrize(
    "more, said",
    [
        ({}, "failed (UnhandledInvocationError): prod: the API does not answer"),
        ({"responsePayload": {"errorMessage": "an object"}}, "an object"),
        ({"responsePayload": "Function timed out after 60 seconds"}, "timed out after 60 seconds"),
        ({"responsePayload": None}, "it gave no reason"),
        ({"responsePayload": "", "requestContext": {"condition": "EventAgeExceeded"}}, "? failed (EventAgeExceeded)"),
        ({"responsePayload": "x" * 9000}, "x" * 300 + "\nPrivate hosts"),
        ({"requestContext": None, "responseContext": [1]}, "failed (unknown)"),
    ],
)
def test_a_run_that_failed_is_told(hook: Receiver, monkeypatch: pytest.MonkeyPatch, more: Any, said: str) -> None:
    """Whatever the record looks like: which function, how and why it failed, and what to do."""
    places(monkeypatch, hook.url)
    assert json.loads(handler(record(**more), None)) == {"told": 1, "of": 1}
    (sent,) = hook.messages
    assert sent["title"].startswith("[WARNING] natkeeper: ")
    assert sent["title"].endswith(" failed")
    assert said in sent["message"]
    assert "natkeeper doctor" in sent["message"]


# ---- heartbeat -------------------------------------------------------------------------------------------


def heartbeat(*, ok: bool, age_s: float = 0) -> bytes:
    """The payload that the failover function hands over after a sweep."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age_s))
    return json.dumps({"heartbeat": {"ok": ok, "at": at, "groups": 1}}).encode()


@pytest.mark.parametrize(
    "address, ok, called",
    [
        ("/geheim", True, "/geheim"),
        ("/geheim", False, "/geheim/fail"),
        ("/push/geheim?status=up&msg=OK", False, "/push/geheim?status=down&msg=OK"),
    ],
)
def test_a_heartbeat_is_one_call(
    address: str,
    ok: bool,  # noqa: FBT001  a parameter of the table
    called: str,
    hook: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The address, or the one that means failure; nobody is told."""
    places(monkeypatch, hook.url, f"heartbeat+http://127.0.0.1:{hook.port}{address}")
    answer = json.loads(handler(heartbeat(ok=ok), None))
    assert answer == {"called": 1, "of": 1, "problems": []}
    assert hook.gets == [called]
    assert hook.messages == []


def test_a_heartbeat_address_is_no_place_to_tell(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted and tried by nothing that tells people."""
    places(monkeypatch, hook.url, f"heartbeat+http://127.0.0.1:{hook.port}/geheim")
    assert json.loads(handler(b'{"action": "addresses"}', None)) == {"addresses": 1}
    assert json.loads(handler(tell(receipt()), None)) == {"told": 1, "of": 1}
    assert hook.gets == []


def test_a_late_heartbeat_is_not_called(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Function Compute may deliver a hand-over late; it says nothing of now."""
    places(monkeypatch, f"heartbeat+http://127.0.0.1:{hook.port}/geheim")
    assert json.loads(handler(heartbeat(ok=True, age_s=300), None))["called"] == 0
    assert hook.gets == []


@pytest.mark.parametrize(
    "address, problem",
    [
        ("heartbeat+http://127.0.0.1:{port}/geheim", "address 1 answered 500"),
        ("heartbeat+http://127.0.0.1:1/geheim", "address 1 cannot be reached (URLError)"),
        ("heartbeat+ftp://127.0.0.1/geheim", "address 1 is neither http:// nor https://"),
        ("json://127.0.0.1:1", "no address begins with heartbeat+ (docs/configuration.md)"),
    ],
)
def test_a_heartbeat_that_fails_is_logged_without_its_address(
    address: str, problem: str, hook: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The address is a secret, and a failure is not raised: a second try would come too late."""
    hook.status = 500
    places(monkeypatch, address.format(port=hook.port))
    assert json.loads(handler(heartbeat(ok=True), None))["problems"] == [problem]
    out = capsys.readouterr().out
    assert problem in out
    assert "geheim" not in out
