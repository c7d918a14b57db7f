"""Whatever wakes the function: a JSON answer, JSON logs, no trace of an error, no secret, and no write."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from natkeeper.failover import handler
from natkeeper.failover.run import Told
from natkeeper.ports import AssociateEip, CreateRoute, DeleteRoute, NoteRoute, PointRoute, StartSetup, UnassociateEip
from tests.fakes.stage import TABLE, A, B, Stage, group, timer

SECRET = "geheim-0123456789abcdef"
CONTEXT = SimpleNamespace(request_id="1-6741", account_id="1000000000000001")
EVERY_WRITE = (PointRoute, CreateRoute, DeleteRoute, NoteRoute, AssociateEip, UnassociateEip, StartSetup)
GOLDEN = [json.loads(path.read_text(encoding="utf-8")) for path in Path(__file__).parents[1].glob("events/*.json")]
PAYLOADS = [golden["payload"] for golden in GOLDEN if isinstance(golden.get("payload"), dict)]
EVIL = (
    "$(reboot)", "`reboot`", "'; reboot #", '"; reboot #', "a\nb", "a\r\nX-Evil: 1", "\x00", "\ud800", "%s%n", "{0}",
    "../../etc/passwd", "<script>", "i-alpha; reboot", "i-alpha\n", "vtb-one'", "ngw-last OR 1=1", "[nk1 p=9999999999]",
    "A" * 5000, "😀" * 300, "i-" + "a" * 41, "-1", "1e999", "9" * 400,
)  # fmt: skip

evil = st.one_of(
    st.sampled_from(EVIL),
    st.sampled_from([A, B, TABLE, "prod"]),
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.sampled_from(EVIL), max_size=3),
    st.dictionaries(st.sampled_from(EVIL), st.sampled_from(EVIL), max_size=3),
)


@st.composite
def twisted(draw: st.DrawFn) -> Any:
    """A payload of a shape that is known, with values in it that are meant to do harm."""
    payload = copy.deepcopy(draw(st.sampled_from(PAYLOADS)))
    for _ in range(draw(st.integers(1, 3))):
        spot: Any = payload
        while isinstance(spot, dict) and spot:
            key = draw(st.sampled_from(sorted(spot)))
            if isinstance(spot[key], dict) and draw(st.booleans()):
                spot = spot[key]
                continue
            spot[key] = draw(evil)
            break
    return payload


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A quiet world, with the function's shell put around it and credentials in its environment."""
    stage = Stage({"prod": group(setup={"mode": "apply"}, probe=None)})
    stage.sweep()
    stage.world.advance(120)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI-made-up-id")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", f"{SECRET}-token")
    monkeypatch.setattr(handler, "_TOLD", Told())
    monkeypatch.setattr(handler, "load_config", lambda: stage.config)
    monkeypatch.setattr(handler, "_cloud", lambda _region: stage.cloud)
    monkeypatch.setattr(handler, "_CLOCK", stage.world.steady())
    return stage


def bytes_of(payload: Any) -> bytes:
    """Write a payload as JSON, lone surrogates and infinities included."""
    return json.dumps(payload).encode()


def is_a_wish(raw: bytes) -> bool:
    """Return True if a caller who may invoke the function asks for something, as people do."""
    try:
        asked = json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return isinstance(asked, dict) and asked.get("action") in ("switch", "pause", "resume", "setup")


def check(stage: Stage, raw: bytes, said: str) -> None:
    """Check the answer, the log and what was written."""
    assert SECRET not in said
    for line in said.splitlines():
        assert isinstance(json.loads(line), dict)
    assert "Traceback" not in said
    assert "the run failed" not in said
    if is_a_wish(raw):
        stage.world.advance(120)
        handler.handler(bytes_of(timer()), CONTEXT)  # what a wish leaves for the next run
    else:
        assert stage.cloud.sent(EVERY_WRITE, since=stage.first) == []  # type: ignore[attr-defined]


PATIENT = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@PATIENT
@given(payload=twisted())
@example(payload={"action": "pause", "group": "prod", "for": "1h", "why": "\ud800"})
@example(payload={"action": "switch", "group": "\ud800"})
@example(payload={"action": "switch", "group": "prod", "to": "i-bravo\n"})
@example(payload={"source": "\x85", "specversion": "1.0", "type": "ecs:Instance:StateChange", "data": {}})
@example(payload={"source": "a\u2028b\u202ec", "specversion": "1.0", "type": "ecs:Instance:StateChange", "data": {}})
def test_values_that_are_meant_to_do_harm_do_none(stage: Stage, capsys: Any, payload: Any) -> None:
    """Quotes, line breaks, substitutions, surrogates, giants: data like any other, in every place."""
    raw = bytes_of(payload)
    stage.first = len(stage.cloud.batches)  # type: ignore[attr-defined]
    answer = handler.handler(raw, CONTEXT)
    assert isinstance(json.loads(answer), dict)
    answer.encode()
    check(stage, raw, answer + "\n" + capsys.readouterr().out)


@PATIENT
@given(
    raw=st.binary(max_size=80) | st.sampled_from([b"[" * 5000, b"\xff\xfe", b'{"action":' * 500, b"[]", b"9" * 5000])
)
def test_bytes_of_any_kind_are_ignored(stage: Stage, capsys: Any, raw: bytes) -> None:
    """A payload that is not JSON is not acted on."""
    stage.first = len(stage.cloud.batches)  # type: ignore[attr-defined]
    answer = handler.handler(raw, CONTEXT)
    check(stage, raw, answer + "\n" + capsys.readouterr().out)


WISHES = (
    {"action": "switch", "group": "prod", "to": B},
    {"action": "pause", "group": "prod", "for": "1h", "why": "work on the gateways"},
    {"action": "setup", "group": "prod"},
)


def writes_of(stage: Stage, payload: Any) -> list[Any]:
    """Every write of one run."""
    first = len(stage.cloud.batches)
    handler.handler(bytes_of(payload), CONTEXT)
    return [sent.call for sent in stage.cloud.sent(EVERY_WRITE, since=first)]


def check_write(call: Any) -> None:
    """Check that a write stays within the group."""
    assert getattr(call, "table", TABLE) == TABLE
    assert getattr(getattr(call, "to", None), "id", A) in (A, B)
    assert set(getattr(call, "gateways", ())) <= {A, B}
    assert len(getattr(call, "description", "")) <= 250


@PATIENT
@given(payload=twisted())
@example(payload=WISHES[0])
def test_a_wish_writes_only_within_its_group(stage: Stage, payload: Any) -> None:
    """Even what a person asks for touches no table, gateway or EIP but those of the configuration."""
    for call in writes_of(stage, payload):
        check_write(call)


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: wish["action"])
@pytest.mark.parametrize("words", EVIL, ids=lambda words: repr(words)[:20])
def test_evil_words_beside_a_wish_change_nothing_of_what_it_writes(stage: Stage, wish: Any, words: str) -> None:
    """A reason and an unknown key are data: the wish is carried out within its group, or refused whole."""
    calls = writes_of(stage, {**wish, "why": words, "more": words})
    kinds = {"switch": PointRoute, "pause": NoteRoute, "setup": StartSetup}
    assert {type(call) for call in calls} in ({kinds[wish["action"]]}, set())
    for call in calls:
        check_write(call)


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: wish["action"])
def test_a_plain_wish_is_written(stage: Stage, wish: Any) -> None:
    """So that the tests above look at writes, not at refusals."""
    calls = writes_of(stage, wish)
    assert calls
    for call in calls:
        check_write(call)
