"""Absence is not death: an instance that a list lacks is gone only when something else agrees."""

from __future__ import annotations

import pytest

from natkeeper.domain.ids import InstanceId
from natkeeper.ports import FailureKind, NoteRoute, PointRoute, ReadConditions, ReadInstances, ReadVpcRoutes
from tests.fakes.stage import A, B, Stage, group, timer


def hole(stage: Stage, name: str, times: int) -> None:
    """Let the next `times` lists of instances lack `name`."""
    real, left = stage.world.instances, [times]

    def lists(ids: tuple[InstanceId, ...]) -> object:
        found = real(ids)
        if left[0] > 0 and name in ids:
            left[0] -= 1
            return {each: instance for each, instance in found.items() if each != name}
        return found

    stage.world.instances = lists  # type: ignore[method-assign, assignment]


def test_one_list_with_a_hole_moves_nothing(stage: Stage) -> None:
    """The second reading shows it."""
    hole(stage, A, times=1)
    assert stage.sweep().outcome == "quiet"
    assert stage.world.moves == []


def test_two_lists_with_the_same_hole_move_nothing_while_the_other_api_knows_the_instance(stage: Stage) -> None:
    """DescribeInstancesFullStatus lists it and says that it runs; people hear of it if it lasts."""
    hole(stage, A, times=1000)
    assert stage.sweep().outcome == "quiet"
    stage.world.advance(60)
    assert "does not show i-alpha (it is not in the list)" in stage.sweep().sentence
    assert stage.world.moves == []


def test_a_second_reading_that_fails_moves_nothing(stage: Stage) -> None:
    """One list is not enough."""
    hole(stage, A, times=1000)
    stage.cloud.fail(ReadInstances, FailureKind.UNREACHABLE, where=lambda call: call.ids == (A,))
    assert stage.sweep().outcome == "attention"
    assert stage.world.moves == []


def test_an_instance_that_is_gone_is_left_without_an_event(stage: Stage) -> None:
    """Both lists and both APIs agree."""
    stage.world.delete_machine(A)
    began = stage.world.now
    assert stage.sweep().outcome == "changed"
    assert stage.next_hop() == B
    assert (stage.cloud.sent(PointRoute)[0].at - began).total_seconds() < 1


def test_a_second_reading_makes_the_first_no_younger(stage: Stage) -> None:
    """Both lists and the look at the VPC's other tables are slow: by then the entry may have changed.

    What lasts is written down by the next sweep.
    """
    stage.world.delete_machine(B)
    stage.cloud.slow = {ReadInstances: 2.4, ReadVpcRoutes: 2.9}
    stage.sweep()
    assert stage.cloud.sent(ReadVpcRoutes)
    assert stage.cloud.sent(NoteRoute) == []
    stage.cloud.slow = {}
    stage.sweep()
    assert len(stage.cloud.sent(NoteRoute)) == 1


def test_a_deleted_event_is_the_second_witness(stage: Stage) -> None:
    """No second reading stands between the event and the write."""
    stage.world.delete_machine(A)
    stage.send(stage.state(A, "Deleted"))
    assert stage.next_hop() == B
    assert stage.cloud.sent(PointRoute)[0].batch == 1


@pytest.mark.parametrize("kind, within", [(FailureKind.UNREACHABLE, 8.0), (FailureKind.DENIED, 2.0)])
def test_conditions_that_cannot_be_read_say_nothing(stage: Stage, kind: FailureKind, within: float) -> None:
    """Then the list decides: at once where the right is missing, else when it has said so for three seconds."""
    stage.cloud.fail(ReadConditions, kind)
    stage.world.delete_machine(A)
    began = stage.world.now
    stage.sweep()
    assert stage.next_hop() == B
    assert (stage.cloud.sent(PointRoute)[0].at - began).total_seconds() < within


def test_two_lists_with_a_hole_move_nothing_while_the_other_api_fails(stage: Stage) -> None:
    """Two lists may have the same hole; nobody else has said that the instance is gone."""
    stage.cloud.fail(ReadConditions, FailureKind.UNREACHABLE, times=6)
    hole(stage, A, times=3)
    assert stage.sweep().outcome == "quiet"
    assert stage.world.moves == []


@pytest.mark.parametrize("groups, moved", [(2, True), (3, False), (5, False)])
def test_many_groups_that_lose_their_instances_in_one_answer_are_blindness(groups: int, moved: bool) -> None:  # noqa: FBT001
    """Two gateways may be deleted in one minute; half a region is not."""
    names = [f"i-first{number}" for number in range(groups)]
    stage = Stage(
        {
            f"g{number}": group(
                gateways=[name, f"i-second{number}"], routes=[{"table": f"vtb-tab{number}"}], probe=None
            )
            for number, name in enumerate(names)
        }
    )
    for name in names:
        stage.world.delete_machine(name)
    receipts = stage.send(timer()).receipts
    assert bool(stage.world.moves) is moved
    assert {receipt.outcome for receipt in receipts} == ({"changed"} if moved else {"attention"})
