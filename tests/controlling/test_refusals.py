"""One thing is refused and the rest works: held against what the answer names, and the next candidate is tried."""

from __future__ import annotations

from datetime import timedelta

import pytest

from natkeeper.domain.memory import Memory, decode
from natkeeper.domain.observed import EipStatus, SystemEvent
from natkeeper.ports import AssociateEip, CreateRoute, FailureKind, NoteRoute, PointRoute, ReadEip, UnassociateEip
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, C, Stage, group, person


def three(**more: object) -> Stage:
    """Three gateways."""
    return Stage({"prod": group(gateways=[A, B, C], **more)})


def following(*gateways: str, **more: object) -> Stage:
    """One EIP that follows the route; A works and has maintenance in 13 days."""
    stage = Stage({"prod": group(gateways=list(gateways or (A, B)), address={"follow": EIP}, **more)})
    at = stage.world.now + timedelta(days=13)
    stage.machine(A).events = (SystemEvent("SystemMaintenance.Reboot", "Scheduled", at),)
    return stage


def together(stage: Stage, gateway: str) -> None:
    """Assert that route and EIP are on `gateway` and that private hosts reach the internet."""
    stage.world.advance(1)
    assert stage.next_hop() == gateway
    assert (stage.address().status, stage.address().holder) == (EipStatus.IN_USE, gateway)
    assert stage.world.egress(stage.config.groups[0].routes[0].table) is not None


def dark(stage: Stage, minutes: int) -> float:
    """How many seconds private hosts have no internet in so many minutes of sweeps."""
    lost, last = [0.0], [stage.world.now]

    def watch() -> None:
        if stage.world.egress(stage.config.groups[0].routes[0].table) is None:
            lost[0] += (stage.world.now - last[0]).total_seconds()
        last[0] = stage.world.now

    stage.cloud.watch = watch
    stage.sweeps(minutes)
    return lost[0]


# ---- 1: the EIP and the route part ways ------------------------------------------------------------------


def test_an_eip_stays_where_the_route_has_to_stay() -> None:
    """ModifyRouteEntry is denied: route and EIP stay on A, which works."""
    stage = following()
    stage.cloud.answer(PointRoute, "Forbidden.RAM", status=403)
    assert dark(stage, 10) == 0
    together(stage, A)
    assert stage.cloud.sent(UnassociateEip) == []
    receipt = stage.sweep()
    (episode,) = receipt.episodes
    assert (episode.trouble.kind.value, "Forbidden.RAM" in receipt.sentence) == ("postponed", True)


@pytest.mark.parametrize("code", ["ResourceNotFound.Instance", "OperationFailed.EcsMigrating", "SomethingNew"])
def test_an_eip_does_not_go_ahead_to_a_gateway_that_gets_no_route(code: str) -> None:
    """The platform refuses B as next hop: not a second is lost."""
    stage = following()
    stage.cloud.answer(PointRoute, code)
    assert dark(stage, 10) == 0
    together(stage, A)
    assert stage.cloud.sent(UnassociateEip) == []


@pytest.mark.parametrize("code", ["EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP", "Forbidden.RAM", "InvalidNicOrVm.NotFound"])
def test_a_route_does_not_go_where_the_eip_cannot_follow(code: str) -> None:
    """Binding is refused for B: that is seen before anything moves."""
    stage = following()
    stage.cloud.answer(AssociateEip, code, status=403 if code == "Forbidden.RAM" else 400)
    assert dark(stage, 10) == 0
    together(stage, A)


def test_a_right_to_take_the_eip_off_that_is_missing_brings_the_route_back() -> None:
    """The route has moved, the EIP must not: both end on A within seconds, and B is not tried every minute."""
    stage = following()
    stage.cloud.answer(UnassociateEip, "Forbidden.RAM", status=403)
    assert dark(stage, 10) < 10
    together(stage, A)
    assert len(stage.world.moves) == 2


@pytest.mark.parametrize("code", ["TaskConflict", "IncorrectEipStatus", "SignatureNonceUsed", "Throttling.User"])
def test_an_eip_that_is_never_free_to_leave_brings_the_route_back(code: str) -> None:
    """The route has moved, taking the EIP off is put off without end: five seconds, then both are on A, which works."""
    stage = following(A, B, C)
    stage.cloud.answer(UnassociateEip, code)
    assert dark(stage, 10) < 10
    together(stage, A)
    assert len(stage.world.moves) == 2


def test_an_eip_that_is_put_off_at_one_gateway_goes_to_the_next() -> None:
    """It is off A when B turns out to be busy without end: five seconds for B, then C has route and EIP."""
    stage = following(A, B, C)
    stage.cloud.answer(AssociateEip, "TaskConflict", where=lambda call: call.to == B)
    assert dark(stage, 10) < 25
    together(stage, C)


def test_an_eip_that_is_put_off_everywhere_makes_no_route_wander() -> None:
    """Two gateways get the same answer: it is about neither, the route rests, and the EIP arrives when it may."""
    stage = following(A, B, C)
    stage.cloud.answer(AssociateEip, "TaskConflict")
    stage.sweeps(10)
    assert len(stage.world.moves) <= 3
    stage.cloud.mend()
    stage.sweeps(2)
    together(stage, str(stage.next_hop()))


def test_both_come_back_when_the_eip_is_refused_after_it_was_taken_off() -> None:
    """The try found the EIP bindable, the binding itself is refused: A works, so both return to it."""
    stage = following()
    stage.cloud.answer(
        AssociateEip,
        "EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP",
        where=lambda call: call.to == B and bool(stage.cloud.accepted(UnassociateEip)),
    )
    assert dark(stage, 10) < 25
    together(stage, A)
    assert len(stage.world.moves) == 2


def test_a_gateway_with_an_address_of_its_own_is_not_fit_and_told_before_it_is_needed() -> None:
    """It can never have the EIP, and DescribeInstances shows it."""
    stage = following(A, B, C)
    stage.machine(B).own_ip = "198.51.100.55"
    receipt = stage.sweep()
    together(stage, C)
    assert any(B in problem and "198.51.100.55" in problem for problem in receipt.problems)


def test_busy_eips_are_waited_for_and_never_left_with_nobody() -> None:
    """Unassociate and Associate each answer once that the moment is wrong."""
    stage = following()
    stage.cloud.answer(UnassociateEip, "InvalidStatus.NotAllow", times=1)
    stage.cloud.answer(AssociateEip, "InvalidStatus.NotAllow", times=1, where=lambda _: stage.next_hop() == B)
    stage.sweep()
    together(stage, B)


def test_both_go_at_once_from_a_dead_gateway() -> None:
    """As ever: nothing is lost by leaving what is dead."""
    stage = following()
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    batch = stage.cloud.sent(PointRoute)[0].batch
    assert stage.cloud.sent(UnassociateEip)[0].batch == batch
    together(stage, B)


@pytest.mark.parametrize("code", ["Forbidden.RAM", "InternalError"])
def test_an_eip_that_cannot_be_read_is_seen_at_the_gateways(code: str) -> None:
    """DescribeEipAddresses is refused, DescribeInstances shows whose the EIP is: a dead gateway is left."""
    stage = following(A, B, C)
    stage.cloud.answer(ReadEip, code, status=403 if code == "Forbidden.RAM" else 500)
    assert dark(stage, 3) == 0
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert dark(stage, 3) < 1
    together(stage, B)


@pytest.mark.parametrize("code", ["SomethingNew", "OperationDenied.Eip"])
def test_a_route_does_not_walk_after_an_eip_that_no_gateway_gets(code: str) -> None:
    """A is dead and binding is refused everywhere: each candidate is tried, then one a run where the route is."""
    stage = following(A, B, C)
    stage.sweep()
    fault = stage.cloud.answer(AssociateEip, code)
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.sweeps(5)
    assert len(stage.world.moves) <= 3
    assert len(stage.told_people()) == 1
    stage.cloud.faults.remove(fault)
    stage.sweep()
    together(stage, str(stage.next_hop()))


def test_an_eip_does_not_walk_while_the_route_cannot_be_written() -> None:
    """A is dead, ModifyRouteEntry answers 500: the EIP goes ahead once, no run lasts for it, and people are told."""
    stage = following(A, B, C)
    stage.sweep()
    fault = stage.cloud.answer(PointRoute, "InternalError", status=500)
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    for _ in range(5):
        began = stage.world.now
        stage.sweep()
        assert stage.world.now - began < timedelta(seconds=16)
        stage.world.advance_to(began + timedelta(minutes=1))
    assert len(stage.cloud.accepted(UnassociateEip)) == len(stage.cloud.accepted(AssociateEip)) == 1
    assert len(stage.told_people()) == 1
    stage.cloud.faults.remove(fault)
    stage.sweep()
    together(stage, B)


def test_one_table_that_may_not_be_written_keeps_route_and_eip_of_the_others_together() -> None:
    """The second table's right is missing: the first goes back to A with the EIP, instead of leading nowhere from B."""
    stage = following(routes=[{"table": TABLE}, {"table": TABLE_2}])
    stage.cloud.answer(PointRoute, "Forbidden.RAM", status=403, where=lambda call: call.table == TABLE_2)
    assert dark(stage, 10) < 10
    together(stage, A)
    assert stage.next_hop(TABLE_2) == A


# ---- 2: one candidate blocks all others --------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["ResourceNotFound.Instance", "OperationFailed.EcsMigrating", "IncorrectStatus.NextHop"]
)
def test_a_candidate_that_the_vpc_will_not_take_is_passed_over(code: str) -> None:
    """B is named by the answer: two or three tries, then C within five seconds; and the next sweep does not ask B."""
    stage = three()
    stage.cloud.answer(PointRoute, code, where=lambda call: call.to.id == B)
    stage.world.stop(A)
    began = stage.world.now
    receipt = stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == C
    assert receipt.outcome == "changed"
    assert (stage.cloud.accepted_at(PointRoute)[0] - began).total_seconds() < 5
    assert len(stage.cloud.sent(PointRoute)) <= 4
    assert code in " ".join(receipt.problems)
    memory = decode(stage.description())
    assert isinstance(memory, Memory)
    assert B in memory.marks
    writes = len(stage.cloud.sent(PointRoute))
    stage.sweeps(5)
    assert len(stage.cloud.sent(PointRoute)) == writes


def test_a_candidate_that_is_refused_holds_up_no_second_table() -> None:
    """B is refused for both tables by a code nobody knows, and the VPC takes one task at a time: C has both."""
    stage = three(routes=[{"table": TABLE}, {"table": TABLE_2}])
    stage.sweep()
    stage.cloud.answer(PointRoute, "SomethingNew", where=lambda call: call.to.id == B)
    stage.machine(A).hung = True
    stage.send(stage.report())
    stage.sweeps(2)
    assert (stage.next_hop(TABLE), stage.next_hop(TABLE_2)) == (C, C)


def test_what_was_refused_a_moment_ago_is_tried_last() -> None:
    """The next run may have time for one try: it is made with another candidate, and B's turn comes again later."""
    stage = three()
    fault = stage.cloud.answer(PointRoute, "SomethingNew", where=lambda call: call.to.id == B)
    stage.world.stop(A)
    stage.sweep()
    assert stage.next_hop() == C
    stage.world.start(A)
    stage.world.advance(90)
    stage.one(person("switch", to=A, force=True))
    assert stage.next_hop() == A
    tried = len(stage.cloud.sent(PointRoute))
    stage.world.stop(A)
    stage.sweep()
    assert [each.call.to.id for each in stage.cloud.sent(PointRoute)[tried:]] == [C]
    stage.cloud.faults.remove(fault)
    stage.world.advance(600)
    stage.world.stop(C)
    stage.sweep()
    assert stage.next_hop() == B


def test_two_candidates_that_are_refused_leave_the_third() -> None:
    """Each is asked its own times, and the run is over in seconds."""
    stage = Stage({"prod": group(gateways=[A, B, C, "i-delta"])})
    stage.cloud.answer(PointRoute, "OperationFailed.EcsMigrating", where=lambda call: call.to.id in (B, C))
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert stage.next_hop() == "i-delta"


@pytest.mark.parametrize("kind", [FailureKind.UNREACHABLE, FailureKind.THROTTLED])
def test_what_says_nothing_of_the_hop_gives_the_next_gateway_one_try(kind: FailureKind) -> None:
    """Writes to B get no answer for five seconds: C is tried, and takes the route."""
    stage = three(fallback=FALLBACK)
    stage.cloud.fail(PointRoute, kind, where=lambda call: call.to.id == B)
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert stage.next_hop() == C


@pytest.mark.parametrize("kind", [FailureKind.UNREACHABLE, FailureKind.THROTTLED])
def test_the_api_itself_never_leads_to_the_paid_fallback(kind: FailureKind) -> None:
    """Every write fails alike: the order of preference holds, and the fallback is not asked."""
    stage = three(fallback=FALLBACK)
    stage.cloud.fail(PointRoute, kind)
    stage.world.stop(A)
    began = stage.world.now
    stage.send(stage.state(A, "Stopping"))
    assert {sent.call.to.id for sent in stage.cloud.sent(PointRoute)} == {B, C}
    assert stage.world.now - began < timedelta(seconds=15)
    stage.cloud.mend()
    stage.sweep()
    assert stage.next_hop() == B


def test_the_fallback_is_there_when_no_gateway_is_left() -> None:
    """B is refused by name, and there is no other gateway."""
    stage = Stage({"prod": group(fallback=FALLBACK)})
    stage.cloud.answer(PointRoute, "ResourceNotFound.Instance", where=lambda call: call.to.id == B)
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert stage.next_hop() == FALLBACK


# ---- 3: refused words --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["InvalidDescription.Malformed", "IllegalParam.RouteEntryName"])
def test_refused_words_do_not_hold_a_move_up(code: str) -> None:
    """The bare move follows at once, to the same next hop; that nothing could be written down is told."""
    stage = three()
    stage.cloud.answer((PointRoute, NoteRoute), code, where=lambda call: bool(call.description))
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == B
    assert receipt.outcome == "changed"
    assert any("written down" in problem and code in problem for problem in receipt.problems)
    sent = stage.cloud.sent(PointRoute)
    assert [bool(each.call.description) for each in sent] == [True, False]
    assert (sent[1].at - sent[0].at).total_seconds() < 0.2
    assert [stage.sweep().outcome for _ in range(3)] == ["quiet"] * 3


# ---- 4: what codes name ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["IncorrectStatus.Vswitch", "SignatureNonceUsed", "TaskConflict", "SomethingNew"])
def test_a_passing_state_does_not_lead_to_the_paid_fallback(code: str) -> None:
    """Twice a busy answer: B, which is healthy, gets the route."""
    stage = Stage({"prod": group(fallback=FALLBACK)})
    stage.cloud.answer(PointRoute, code, times=2)
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert stage.next_hop() == B


@pytest.mark.parametrize("code", ["OperationDenied.RouteTableTypeNotPermitted", "QuotaExceeded", "InvalidVPC.NotFound"])
def test_what_the_table_will_not_have_blames_no_hop(code: str) -> None:
    """One write of each kind, no other candidate, and the sentence says what it is."""
    stage = three(fallback=FALLBACK)
    stage.cloud.answer(PointRoute, code)
    stage.cloud.answer(CreateRoute, code)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert len(stage.cloud.sent(PointRoute)) == 1
    assert receipt.outcome == "attention"
    assert code in receipt.sentence
    assert "was refused by the platform" not in receipt.sentence


def test_a_denied_call_ends_only_what_it_denies() -> None:
    """All writes of one table are denied: the other one moves, and the EIP comes along."""
    stage = Stage({"prod": group(address={"follow": EIP}, routes=[{"table": TABLE}, {"table": TABLE_2}])})
    for write in (PointRoute, CreateRoute):
        stage.cloud.answer(write, "Forbidden.RAM", status=403, where=lambda call: call.table == TABLE)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert (stage.next_hop(TABLE), stage.next_hop(TABLE_2)) == (A, B)
    assert stage.address().holder == B
    assert receipt.outcome == "attention"


def test_the_same_unknown_answer_at_two_gateways_is_about_neither() -> None:
    """A code that nobody knows: bounded tries, the next gateway, and no third."""
    stage = three(fallback=FALLBACK)
    stage.cloud.answer(PointRoute, "SomethingNew")
    stage.cloud.answer(CreateRoute, "SomethingNew")
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert {sent.call.to.id for sent in stage.cloud.sent(PointRoute)} == {B, C}
    assert len(stage.cloud.sent(PointRoute)) <= 6
    assert "SomethingNew" in receipt.sentence


def test_a_persons_pause_is_written_although_the_first_try_failed() -> None:
    """A note of natkeeper's own gets one try; what a person asked for gets three."""
    stage = Stage()
    stage.cloud.fail(NoteRoute, FailureKind.UNREACHABLE, times=2)
    assert stage.one(person("pause", **{"for": "5m", "why": "work"})).outcome == "changed"
