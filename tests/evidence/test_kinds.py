"""Evidence has kinds, and a weaker one never outweighs a stronger one (rule 13)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from natkeeper.domain.memory import Memory, decode
from natkeeper.notify.message import Style, message
from natkeeper.ports import CheckThroughProbe, FailureKind, PointRoute, StartGatewayCheck, StartSetup
from tests.fakes.stage import FALLBACK, A, B, C, Stage, group, person


def memory(stage: Stage) -> Memory:
    """What the route entry remembers."""
    read = decode(stage.description())
    assert isinstance(read, Memory)
    return read


def moves(stage: Stage) -> list[str]:
    """Where the routes were pointed, in order."""
    return [call.to.id for call in stage.cloud.accepted(PointRoute)]


@pytest.mark.parametrize("mode", ["apply", "check"])
def test_a_standby_that_does_not_forward_is_found_without_a_probe(mode: str) -> None:
    """A dies and B has lost its masquerade: that B itself reaches the internet verifies nothing; a proof is asked for
    at once, B is repaired where that is allowed, and C gets the route where it is not.
    """
    stage = Stage({"prod": group(gateways=[A, B, C], probe=None, setup={"mode": mode})})
    stage.machine(B).rules = False
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.verified is None
    assert f"{B} itself reaches the internet, but nobody has seen yet that it forwards" in receipt.sentence
    assert stage.cloud.accepted(StartSetup)[0].gateways == (B,)
    stage.world.advance(60)
    receipts = stage.sweeps(3)
    assert moves(stage) == ([B] if mode == "apply" else [B, C])
    assert any(each.verified for each in receipts)
    stage.whole()


def test_a_verified_move_says_by_which_evidence() -> None:
    """The probe saw it: kind one, through the very table, in the receipt's own list."""
    stage = Stage()
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.verified is True
    (shown,) = receipt.evidence
    assert (shown["next_hop"], shown["found"], shown["kind"]) == (B, "seen", "a private host's place")
    assert shown["table"] == "vtb-one"
    assert shown["public_ip"] == "198.51.100.11"


def test_a_look_on_the_gateway_does_not_cancel_the_report_of_the_probe() -> None:
    """The report is some seconds old, the probe is throttled and cannot look again: what it saw stands."""
    stage = Stage({"prod": group()})
    stage.machine(A).rules = False
    stage.cloud.fail(CheckThroughProbe, FailureKind.THROTTLED)
    receipt = stage.one(stage.report(age=20))
    assert moves(stage) == [B]
    assert receipt.outcome == "changed"
    assert receipt.verified is None


def test_a_report_stands_where_nobody_can_look() -> None:
    """Neither the probe nor Cloud Assistant answers: the strongest evidence there is came with the report."""
    stage = Stage({"prod": group()})
    stage.machine(A).hung = True
    stage.cloud.fail((CheckThroughProbe, StartGatewayCheck), FailureKind.REFUSED)
    stage.one(stage.report(age=20))
    assert moves(stage) == [B]


def test_a_look_on_the_gateway_clears_no_mark_of_the_probe() -> None:
    """A was left because private hosts lost the internet; that A itself reaches it does not make it fit again."""
    stage = Stage({"prod": group(gateways=[A, B])})
    stage.machine(A).rules = False
    stage.one(stage.report())
    assert set(memory(stage).marks) == {A}
    stage.cloud.fail(CheckThroughProbe, FailureKind.REFUSED)
    stage.world.stop(B)
    stage.world.advance(30)
    receipt = stage.one(stage.state(B, "Stopping"))
    assert moves(stage) == [B, A], "the last hope"
    assert receipt.verified is None


def test_a_proof_that_found_nothing_clears_no_mark_of_the_probe_while_it_is_believed() -> None:
    """Private hosts lost the internet for a reason that no setup finds: an hour passes before the proof is enough."""
    stage = Stage({"prod": group(setup={"mode": "apply"}, failback="5m")})
    stage.sweeps(2)
    stage.one(stage.report())
    assert moves(stage) == [B]
    stage.sweeps(50)
    assert set(memory(stage).marks) == {A}
    assert moves(stage) == [B]
    stage.sweeps(20)
    assert memory(stage).marks == {}
    assert moves(stage) == [B, A]


def test_status_and_messages_show_what_keeps_a_gateway_from_the_route() -> None:
    """A hung and answers again: natkeeper does not trust it yet, so nothing may call it healthy or ready."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.sweeps(2)
    stage.machine(A).hung = True
    stage.one(stage.report())
    stage.machine(A).hung = False
    stage.sweeps(7)
    receipt = stage.one(person("status"))
    assert receipt.view is not None
    shown = {each["id"]: each for each in receipt.view["gateways"]}
    assert [shown[each]["health"] for each in (A, B)] == ["unhealthy", "healthy"]
    assert re.fullmatch(
        r"could not carry the route at \S+ \S+ UTC; its setup of \S+ UTC found it well, and private hosts have not "
        r"been seen through it since; last choice until 07:02 UTC",
        shown[A]["reason"],
    )
    left = f"no standby is left but {A}, which is taken where nothing else works"
    todo = "nothing to repair: it is a standby again at 07:02 UTC, or when private hosts get through"
    assert receipt.sentence.endswith(f"; {left}; {todo}: natkeeper switch prod --to {A} --force")
    english = message([receipt.as_json()], Style())[1].splitlines()
    chinese = message([receipt.as_json()], Style("zh", "Asia/Shanghai"))[1]
    assert f"Standby: none is ready ({A} {shown[A]['reason']})" in english
    assert f"Do: {todo}: natkeeper switch prod --to {A} --force" in english
    assert f"Command: natkeeper switch prod --to {A} --force" in english
    assert "natkeeper did: nothing; it uses the gateway again by itself" in english
    assert "Private hosts: nothing now; the next failure may be an outage" in english
    assert f"命令：natkeeper switch prod --to {A} --force" in chinese
    assert "建议处理：无需修复" in chinese
    assert "最晚到 2026-11-23 15:02:00 Asia/Shanghai" in chinese
    assert "在 15:02 Asia/Shanghai 之前仅作最后选择" in chinese
    assert "could not" not in chinese.partition("详情")[0]
    assert "Standby: ready" not in message([receipt.as_json()], Style())[1]


def test_a_proof_after_a_new_start_clears_the_mark_of_the_probe() -> None:
    """Whatever hung is gone with the restart."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.sweeps(2)
    stage.machine(A).hung = True
    stage.one(stage.report())
    stage.world.stop(A)
    stage.world.advance(10)
    stage.world.start(A)
    stage.sweeps(8)
    assert memory(stage).marks == {}


def test_a_failed_proof_of_the_active_gateway_moves_the_route_where_no_probe_looks() -> None:
    """Its rules are gone, nothing may repair them, and the report says so: the route goes to a gateway with a proof."""
    stage = Stage({"prod": group(probe=None, setup={"mode": "check", "every": "5m"})})
    stage.sweeps(2)
    stage.machine(A).rules = False
    receipts = stage.sweeps(8)
    assert moves(stage) == [B]
    (moved,) = [receipt for receipt in receipts if "moved" in receipt.sentence]
    assert f"{A} does not forward" in moved.sentence
    stage.whole()


def test_what_the_probe_sees_outweighs_a_failed_proof() -> None:
    """The setup could not prove the gateway, and the probe gets out through that very table: nothing moves."""
    stage = Stage({"prod": group(setup={"mode": "check", "every": "5m"})})
    stage.machine(A).rules = False
    stage.sweeps(1)
    stage.world.advance(60)
    stage.machine(A).rules = True
    receipt = stage.sweep()
    assert moves(stage) == []
    assert receipt.verified is True


def test_an_old_proof_and_one_from_before_a_start_prove_nothing() -> None:
    """A failed proof is good for two rounds of setups and no longer than the machine runs."""
    for restart in (False, True):
        stage = Stage({"prod": group(probe=None, setup={"mode": "check", "every": "10m"})})
        stage.machine(A).rules = False
        stage.sweeps(1)
        stage.cloud.fail(StartSetup, FailureKind.DENIED)
        stage.machine(A).rules = True
        if restart:
            stage.machine(A).started = stage.world.now
        else:
            stage.world.advance(timedelta(minutes=21).total_seconds())
        stage.sweeps(3)
        assert moves(stage) == []


def test_a_gateway_that_could_not_be_proven_is_chosen_after_a_proven_one() -> None:
    """Unproven is not unfit: it comes last, and takes the route where nothing else is left."""
    stage = Stage({"prod": group(gateways=[A, B, C], probe=None, setup={"mode": "apply"})})
    stage.cloud.unprovable = {B}
    stage.sweeps(2)
    stage.world.stop(A)
    stage.sweep()
    assert moves(stage) == [C]
    stage.world.stop(C)
    stage.sweep()
    assert moves(stage) == [C, B]


def test_status_names_the_evidence_of_every_gateway() -> None:
    """Proven by its setup, or unproven: a person sees which, and from which place."""
    stage = Stage({"prod": group(gateways=[A, B], setup={"mode": "apply"})})
    stage.cloud.unprovable = {B}
    stage.sweeps(2)
    view = stage.one(person("status")).view
    assert view is not None
    proven, unproven = (gateway["evidence"] for gateway in view["gateways"])
    assert (proven["found"], proven["kind"]) == ("seen", "behind the gateway")
    assert unproven == {"next_hop": B, "found": "unproven"}


def test_a_report_of_the_fallback_is_evidence_from_a_private_hosts_place() -> None:
    """The route is on the managed NAT Gateway: what the probe sees there is named like any other."""
    stage = Stage({"prod": group(gateways=[A], fallback=FALLBACK)})
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    (shown,) = receipt.evidence
    assert (shown["next_hop"], shown["found"], shown["kind"]) == (FALLBACK, "seen", "a private host's place")


def test_a_proof_from_before_a_darkness_does_not_end_it() -> None:
    """A hangs, the write gets no answer, and then the probe cannot be asked: that a setup found A well was before."""
    stage = Stage({"prod": group(setup={"mode": "check", "every": "1h"})})
    stage.sweeps(3)
    stage.machine(A).hung = True
    stage.cloud.fail((PointRoute, CheckThroughProbe), FailureKind.UNREACHABLE)
    stage.send(stage.report())
    stage.sweeps(3)
    told = [each for said in stage.told_people() for each in said.get("episodes", ()) if each["kind"] == "dark"]
    assert [each.get("ended") for each in told] == [None]
    assert any(each.trouble.kind.value == "dark" for each in stage.sweep().episodes)
