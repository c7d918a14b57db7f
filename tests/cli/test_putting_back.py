"""Every step by which a drill is put back, on a clock that only pauses move: what is asked when, and what is said."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.cli.commands.drill import _stopped
from natkeeper.cli.drill.faults import fault
from natkeeper.cli.drill.journal import Journal, RouteBefore, file_of, find, folder
from natkeeper.cli.drill.restore import Restore, command, fit_for_duty
from natkeeper.cli.errors import CommandError, Denied, Refused, Unreached, Wrong
from natkeeper.ports import Failure
from tests.cli.rehearsing import BUSY, DENIED, TABLE, UNREACHED, A, B, DrillRegion, event, since, view

DUE = "2026-11-23T08:00:00Z"
HOME = RouteBefore(TABLE, "0.0.0.0/0", A)
ROUTES = f"the routes may not go where they went before: 0.0.0.0/0 in {TABLE} went to {A}"
AWAY = f"{TABLE}: 0.0.0.0/0 goes to {{}} and went to {A} before the drill"


def journal(kind: str, file: Path | None = None, *routes: RouteBefore) -> Journal:
    due = DUE if kind == "maintenance" else ""
    return Journal("cn-hangzhou", "prod", kind, A, "2026-11-23T06:00:00Z", routes or (HOME,), due, file)


def put_back(region: DrillRegion, kind: str, file: Path | None = None) -> list[str]:
    """Put a drill back; what is still broken."""
    restore = Restore(region, region, journal(kind, file), region.said.append, region.sleep, lambda: 1000 + region.now)  # type: ignore[arg-type]
    return restore.put_back()


@pytest.mark.parametrize(
    "machine, starting, refusals, starts, ends, said",
    [
        ([(0, "Running")], [], [], [], 10, ["Running"]),
        ([(0, "Running"), (5, "Stopping"), (9, "Stopped")], [(0, "Starting"), (3, "Running")], [], [10], 14,
         ["Running", "Stopping", "Stopped", "Starting", "Running"]),
        ([(0, "Stopping"), (3, "Stopped")], [(0, "Running")], [BUSY, UNREACHED], [4, 6, 8], 10,
         ["Stopping", "Stopped", "Running"]),
        ([(0, "Stopped"), (1, "Starting"), (3, "Running")], [], [BUSY], [0], 4, ["Stopped", "Starting", "Running"]),
        ([(0, UNREACHED), (3, "Stopping"), (5, "Running")], [], [], [], 10, ["Stopping", "Running"]),
        ([(0, "Stopped"), (3, "Running")], [], [], [0, 2], 4, ["Stopped", "Running"]),
    ],
)  # fmt: skip
def test_a_gateway_is_started_once_it_is_stopped(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    machine: list[Any],
    starting: list[Any],
    refusals: list[Failure],
    starts: list[float],
    ends: float,
    said: list[str],
) -> None:
    """Not while it is Stopping; one that runs for ten seconds was not stopped, for the stop may not show at once."""
    region = DrillRegion(machine=machine, refusals={"start_instance": refusals}).read(monkeypatch)
    region.on["start_instance"] = region.becomes(*starting)
    kept = tmp_path / "drill.json"
    journal("stop", kept).write()
    assert put_back(region, "stop", kept) == []
    assert region.asked("start_instance") == [(at, {"InstanceId": A}) for at in starts]
    assert (region.now, region.said, kept.exists()) == (ends, [f"{A} is {status}" for status in said], False)


@pytest.mark.parametrize(
    "machine, refusals, left, ends",
    [
        ([(0, "Stopped")], [DENIED], [f"{A} is Stopped, and starting it was refused: {DENIED}", ROUTES,
                                      f"it could not go on: {DENIED}"], 0),
        ([(0, "Stopped")], [BUSY] * 999, [f"{A} is Stopped, and starting it was refused: {BUSY}", ROUTES,
                                          f"it could not go on: {A} did not run again within 900 s"], 900),
        ([(0, "Stopping")], [], [f"{A} is Stopping and was Running before the drill", ROUTES,
                                 f"it could not go on: {A} did not run again within 900 s"], 900),
        ([(0, UNREACHED)], [], [f"{A} may be stopped", ROUTES,
                                f"it could not go on: {A} did not run again within 900 s"], 900),
    ],
)  # fmt: skip
def test_a_gateway_that_does_not_run_again_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    machine: list[Any],
    refusals: list[Failure],
    left: list[str],
    ends: float,
) -> None:
    """As it was seen last; what was written down stays."""
    region = DrillRegion(machine=machine, refusals={"start_instance": [*refusals]}).read(monkeypatch)
    kept = tmp_path / "drill.json"
    journal("stop", kept).write()
    assert (put_back(region, "stop", kept), region.now) == (left, ends)
    assert kept.exists()
    assert region.asked("ask") == []


def test_a_gateway_that_was_deleted_ends_the_putting_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be put back any more, and a further drill need not wait for it."""
    region = DrillRegion(machine=[(0, "Stopped"), (1, None)]).read(monkeypatch)
    kept = tmp_path / "drill.json"
    journal("stop", kept).write()
    assert put_back(region, "stop", kept) == [f"{A} does not exist any more: someone deleted it"]
    assert (kept.exists(), region.asked("ask")) == (False, [])


@pytest.mark.parametrize(
    "events, refusals, cancelled, ends",
    [
        ([], [], None, 0),
        ([event("e-1", DUE), event("e-2", DUE, "Inquiring"), event("e-3", DUE, "Executing")], [],
         ["e-1", "e-2", "e-3"], 0),
        ([event("e-1", DUE, "Canceled"), event("e-2", "2026-11-23T09:00:00Z"), event("e-3", DUE)], [], ["e-3"], 0),
        ([event("e-1", DUE)], [BUSY, UNREACHED], ["e-1"], 4),
    ],
)  # fmt: skip
def test_a_simulated_notice_is_found_by_its_time_and_cancelled(
    monkeypatch: pytest.MonkeyPatch,
    events: list[Any],
    refusals: list[Failure],
    cancelled: list[str] | None,
    ends: float,
) -> None:
    """Each that is open and due then, and none else; what is refused for a while is tried again."""
    refused = {"cancel_simulated_system_events": refusals}
    region = DrillRegion(events=events, refusals=refused).read(monkeypatch)
    assert (put_back(region, "maintenance"), region.now) == ([], ends)
    assert region.asked("describe_instances_full_status")[0] == (0, {"RegionId": "cn-hangzhou", "InstanceId": [A]})
    calls = [request for _, request in region.asked("cancel_simulated_system_events")]
    assert calls[-1:] == ([] if cancelled is None else [{"RegionId": "cn-hangzhou", "EventId": cancelled}])
    assert region.asked("start_instance") == []


@pytest.mark.parametrize(
    "action, refusals, why, ends",
    [
        ("cancel_simulated_system_events", [DENIED], DENIED, 0),
        ("cancel_simulated_system_events", [BUSY] * 999, BUSY, 900),
        ("describe_instances_full_status", [DENIED], DENIED, 0),
    ],
)
def test_a_notice_that_cannot_be_cancelled_is_named(
    monkeypatch: pytest.MonkeyPatch, action: str, refusals: list[Failure], why: Failure, ends: float
) -> None:
    """What is not allowed now is not allowed in ten minutes."""
    region = DrillRegion(events=[event("e-1", DUE)], refusals={action: [*refusals]}).read(monkeypatch)
    left = [f"the simulated maintenance notice of {A} is not cancelled", ROUTES, f"it could not go on: {why}"]
    assert (put_back(region, "maintenance"), region.now) == (left, ends)


SWITCH = {"action": "switch", "group": "prod", "to": A, "table": TABLE}
NOT_BACK = "it could not go on: the routes did not go back within 420 s ({})"


@pytest.mark.parametrize(
    "views, switched, left, ends",
    [
        ([(0, view())], [], [], 0),
        ([(0, view(B)), (3, view())], [0, 2], [], 4),
        ([(0, view(B, a="boots")), (3, view(B)), (5, view())], [4], [], 6),
        ([(0, Unreached("busy")), (3, view())], [], [], 4),
        ([(0, view(B, a="boots"))], [], [AWAY.format(B), NOT_BACK.format(f"{A}: boots")], 420),
        (
            [(0, {**view(B), "gateways": [{"id": A, "unfit": "is held"}, {"id": B, "reason": "is away"}]})],
            [],
            [AWAY.format(B), NOT_BACK.format(f"{A}: is held")],
            420,
        ),
        ([(0, view(None, a="boots"))], [], [AWAY.format("nothing"), NOT_BACK.format(f"{A}: boots")], 420),
        ([(0, Unreached("busy"))], [], [ROUTES, NOT_BACK.format("no answer")], 420),
        ([(0, {})], [], [ROUTES, NOT_BACK.format("no answer")], 420),
        ([(0, None)], [], [ROUTES, NOT_BACK.format("no answer")], 420),
        ([(0, Denied("no key", "get one"))], [], [ROUTES, "it could not go on: no key; get one"], 0),
        ([(0, Wrong("no such group"))], [], [ROUTES, "it could not go on: no such group"], 0),
        ([(0, view(B)), (3, Denied("no key"))], [0, 2], [AWAY.format(B), "it could not go on: no key"], 4),
    ],
)
def test_routes_go_home_as_soon_as_their_gateway_is_fit(
    monkeypatch: pytest.MonkeyPatch, views: list[Any], switched: list[float], left: list[str], ends: float
) -> None:
    """Every one to where it went, and what does not go is named with the reason."""
    region = DrillRegion(views=views).read(monkeypatch)
    assert (put_back(region, "switch"), region.now) == (left, ends)
    assert region.asked("ask")[0] == (0, {"action": "status", "group": "prod"})
    assert [(at, asked) for at, asked in region.asked("ask") if asked["action"] != "status"] == [
        (at, SWITCH) for at in switched
    ]


@pytest.mark.parametrize(
    "outcome, raised, why",
    [
        ({"outcome": "refused", "sentence": "not now"}, None, f"{A}: fit; not now"),
        ({"outcome": "changed", "sentence": "moved"}, None, f"{A}: fit"),
        ({"outcome": "changed", "sentence": "moved"}, Unreached("busy"), f"{A}: fit; busy"),
    ],
)
def test_a_move_home_that_is_refused_is_told_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, outcome: dict[str, str], raised: CommandError | None, why: str
) -> None:
    """It is asked for again until the time is up."""
    region = DrillRegion(views=[(0, view(B))], outcome=outcome).read(monkeypatch)

    def switch(_request: object) -> None:
        if raised:
            raise raised

    region.on["switch"] = switch
    assert put_back(region, "switch") == [AWAY.format(B), NOT_BACK.format(why)]


def test_a_switch_that_may_not_be_asked_for_ends_the_putting_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other denial."""
    region = DrillRegion(views=[(0, view(B))]).read(monkeypatch)

    def switch(_request: object) -> None:
        raise Denied("you may not")

    region.on["switch"] = switch
    assert put_back(region, "switch") == [AWAY.format(B), "it could not go on: you may not"]


def test_a_route_goes_home_to_the_fallback_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a drill of one route only that route is asked for."""
    seen = {**view(B), "fallback": {"id": "ngw-1", "health": "healthy"}}
    seen["routes"] = [*seen["routes"], {"table": "vtb-2", "destination": "0.0.0.0/0", "next_hop": B}]
    region = DrillRegion(views=[(0, seen), (1, view("ngw-1"))]).read(monkeypatch)
    kept = journal("switch", None, RouteBefore(TABLE, "0.0.0.0/0", "ngw-1"))
    assert Restore(region, region, kept, region.said.append, region.sleep, region.ticks).put_back() == []  # type: ignore[arg-type]
    assert [asked for _, asked in region.asked("ask") if asked["action"] == "switch"] == [{**SWITCH, "to": "ngw-1"}]
    both = journal("switch", None, HOME, RouteBefore("vtb-2", "0.0.0.0/0", B))
    restore = Restore(region, region, both, region.said.append)  # type: ignore[arg-type]
    assert restore.left == {"routes": f"{ROUTES}, 0.0.0.0/0 in vtb-2 went to {B}"}


@pytest.mark.parametrize(
    "gateway, fit",
    [({"health": "healthy"}, True), ({"health": "healthy", "unfit": "held"}, False), ({"health": "unknown"}, False)],
)
def test_what_is_healthy_and_not_unfit_could_carry_a_route(gateway: dict[str, str], *, fit: bool) -> None:
    """By a status view."""
    assert fit_for_duty(gateway) is fit


# ---- what is broken, and written down before ------------------------------------------------------------------


def test_a_stop_keeps_addresses_and_names_itself() -> None:
    """StopInstance without KeepCharging would lose a public address for good."""
    region = DrillRegion()
    chosen = fault("stop", region, region, journal("stop"))  # type: ignore[arg-type]
    assert chosen.story == f"{A} is stopped, as if it had failed, and started again afterwards."
    assert chosen.begin() == f"{A} is stopped (StopInstance)"
    assert region.asked("stop_instance") == [(0, {"InstanceId": A, "StoppedMode": "KeepCharging"})]
    region.refusals["stop_instance"] = [BUSY]
    with pytest.raises(Unreached, match=rf"^stopping {A}: "):
        chosen.begin()


def test_a_notice_is_simulated_for_two_hours_from_now() -> None:
    """Its time is in the journal before anything is asked, for it is found by it."""
    region, kept = DrillRegion(), journal("stop")
    chosen = fault("maintenance", region, region, kept)  # type: ignore[arg-type]
    assert (kept.not_before, region.calls) == ("2026-11-23T08:00:00Z", [])
    assert chosen.story == f"A simulated maintenance notice for {A}, cancelled afterwards."
    assert chosen.begin() == (
        f"{A} is due for SystemMaintenance.Reboot (CreateSimulatedSystemEvents: nothing is really planned)"
    )
    assert region.asked("create_simulated_system_events") == [
        (0, {"RegionId": "cn-hangzhou", "InstanceId": [A], "EventType": "SystemMaintenance.Reboot", "NotBefore": DUE})
    ]
    region.refusals["create_simulated_system_events"] = [BUSY]
    with pytest.raises(Unreached, match=rf"^simulating a system event of {A}: "):
        chosen.begin()


def test_a_switch_is_asked_of_natkeeper_and_is_none_where_it_refuses() -> None:
    """A move that did not happen is not told as one."""
    region = DrillRegion()
    chosen = fault("switch", region, region, journal("switch"))  # type: ignore[arg-type]
    assert chosen.story == f"A planned move away from {A}, through natkeeper."
    assert chosen.begin() == "a person switches to the standby"
    assert region.asked("ask") == [(0, {"action": "switch", "group": "prod"})]
    region.outcome = {"outcome": "refused", "sentence": "there is no standby"}
    with pytest.raises(Refused, match=r"^there is no standby$"):
        chosen.begin()


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Whole, in a folder that need not be there; what cannot be read is skipped."""
    where = tmp_path / "deep" / "natkeeper"
    file = file_of(where, "cn-hangzhou", "prod", A)
    assert file == where / f"drill-cn-hangzhou-prod-{A}.json"
    kept = journal("maintenance", file)
    kept.write()
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "region": "cn-hangzhou", "group": "prod", "kind": "maintenance", "gateway": A, "began": "2026-11-23T06:00:00Z",
        "routes": [{"table": TABLE, "destination": "0.0.0.0/0", "hop": A}], "not_before": DUE,
    }  # fmt: skip
    assert [each.name for each in where.iterdir()] == [file.name]
    file_of(where, "cn-hangzhou", "prod", "i-c").write_text("{not JSON", encoding="utf-8")
    file_of(where, "cn-hangzhou", "prod", "i-d").write_text('{"routes": [], "new": 1}', encoding="utf-8")
    file_of(where, "cn-hangzhou", "prod", "i-e").write_text("{}", encoding="utf-8")
    assert find(where, "cn-hangzhou", "prod", ["i-e", "i-d", "i-c", A, B]) == [kept]
    kept.remove()
    kept.remove()
    assert find(where, "cn-hangzhou", "prod", [A]) == []
    homeless = journal("stop")
    homeless.write()
    homeless.remove()
    assert homeless.expected(TABLE, "0.0.0.0/0") == A
    assert homeless.expected(TABLE, "10.0.0.0/8") is None


@pytest.mark.parametrize(
    "environ, endpoint, where",
    [
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/me"}, None, "/state/natkeeper"),
        ({"HOME": "/home/me"}, None, "/home/me/.local/state/natkeeper"),
        ({"XDG_STATE_HOME": ""}, None, "~/.local/state/natkeeper"),
        ({"XDG_STATE_HOME": "/state"}, "http://127.0.0.1:8080/", "/state/natkeeper/127.0.0.1-8080"),
    ],
)
def test_drills_of_a_local_cloud_are_kept_apart(environ: dict[str, str], endpoint: str | None, where: str) -> None:
    """Where XDG says, or in the home."""
    assert folder(environ, endpoint) == Path(where.replace("~", str(Path.home())))


@pytest.mark.parametrize(
    "standby, statuses, starts",
    [
        ("ready", ["Running", "Stopped"], [B]),
        ("ready", ["Stopping", "Starting"], [A]),
        ("ready", ["Running", "Running"], []),
        ("cold", ["Running", "Stopped"], []),
        ("cold", ["Stopped", "Stopping"], [A, B]),
    ],
)
def test_without_a_journal_stopped_gateways_are_put_back_but_no_cold_standby(
    monkeypatch: pytest.MonkeyPatch, standby: str, statuses: list[str], starts: list[str]
) -> None:
    """One that is meant to be stopped is not broken, as long as another gateway of the group runs."""
    group = SimpleNamespace(name="prod", standby=standby, gateways=(A, B))
    found = [
        SimpleNamespace(id=each, name=f"nat-{each}", status=now) for each, now in zip((A, B), statuses, strict=True)
    ]
    monkeypatch.setattr("natkeeper.cli.survey.network.machines", lambda _attempt, ids: found[: len(ids)])
    context: Any = SimpleNamespace(reach=DrillRegion(), region_id="cn-hangzhou", screen=SimpleNamespace(names={}))
    kept = _stopped(context, [group])  # type: ignore[list-item]
    assert kept == [Journal("cn-hangzhou", "prod", "stop", gateway, "", ()) for gateway in starts]
    assert context.screen.names == {A: f"nat-{A}", B: f"nat-{B}"}


def test_the_command_that_goes_on_is_one_that_there_is() -> None:
    """It names the group."""
    assert command("prod") == "natkeeper drill prod --restore"
    assert since(1, [(0, "a"), (2, "b")]) == "a"
