"""What people read: what happened, what it means for private hosts, what is left, what to do, in two languages."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path
from typing import Any, get_args

import pytest

from natkeeper.notify import wording
from natkeeper.notify.message import Style, message, stories_of, style_of
from natkeeper.notify.message import test_message as notification_test
from natkeeper.ports import CreateRoute, PointRoute
from natkeeper.receipt import ActKind
from tests.fakes.stage import FALLBACK, TABLE, A, B, C, Stage, group, person

ROOT = Path(__file__).resolve().parents[2]
SHANGHAI = Style("zh", "Asia/Shanghai", account="1000000000000001", region="cn-hangzhou")
ENGLISH = Style(account="1000000000000001", region="cn-hangzhou")


@pytest.fixture
def stage() -> Stage:
    return Stage()


def said(receipt: Any, style: Style = ENGLISH) -> tuple[str, dict[str, str]]:
    """Title and lines of the message about a receipt of a real run."""
    heading, text = message([json.loads(json.dumps(receipt.as_json()))], style)
    separator = "：" if style.language == "zh" else ": "
    return heading, dict(line.split(separator, 1) for line in text.splitlines())


def test_a_failover_says_what_is_left_and_what_to_do(stage: Stage) -> None:
    """The gateway that failed is stopped: start it, because there is no standby now."""
    stage.world.stop(A)
    heading, lines = said(stage.one(stage.state(A, "Stopping")))
    assert heading == f"[INFO] prod: moved to {B}"
    assert lines["What"] == f"{A} is Stopping"
    assert lines["Since"] == "2026-11-23 06:00:00 UTC"
    assert lines["Private hosts"] == f"short interruption; connections through {A} have ended, new ones work"
    assert f"moved 0.0.0.0/0 in {TABLE} from {A} to {B}" in lines["natkeeper did"]
    assert lines["Standby"] == f"none is ready ({A} is Stopping)"
    assert lines["Do"] == f"start {A}; natkeeper sets it up when it runs"
    assert lines["Command"] == f"aliyun ecs StartInstance --InstanceId {A} --region cn-hangzhou"
    assert lines["Where"] == f"account 1000000000000001, cn-hangzhou, 0.0.0.0/0 in {TABLE}"
    assert lines["Console"].endswith(f"/cn-hangzhou/route-tables/{TABLE}")
    assert lines["Runbook"] == "`moved` in docs/operations.md of natkeeper's repository"


def test_the_same_in_chinese_and_local_time(stage: Stage) -> None:
    """From the fields, not from the English sentence; that follows as it is."""
    stage.world.stop(A)
    heading, lines = said(stage.one(stage.state(A, "Stopping")), SHANGHAI)
    assert heading == f"【通知】 prod：路由已切换到 {B}"
    assert lines["事件"] == f"{A} 正在停止"
    assert lines["开始时间"] == "2026-11-23 14:00:00 Asia/Shanghai"
    assert "；" in lines["natkeeper 已执行"]
    assert "; " not in lines["natkeeper 已执行"]
    assert lines["对私网主机的影响"] == f"短暂中断；经 {A} 的旧连接已断开，新连接可用"
    assert lines["备用网关"] == f"没有可用的备用网关（{A} 正在停止）"
    assert lines["详情（英文）"].startswith("moved 0.0.0.0/0")


def test_an_outage_is_critical_and_names_the_command_that_ends_it(stage: Stage) -> None:
    """Both gateways are stopped."""
    stage.world.stop(A)
    stage.world.stop(B)
    stage.sweeps(1)
    heading, lines = said(stage.sweep())
    assert heading == "[CRITICAL] prod: private hosts have no internet access"
    assert lines["Private hosts"] == "no internet access"
    assert lines["natkeeper did"] == "nothing; there was nothing safe to do"
    assert lines["Standby"] == f"none is ready ({B} is Stopped)"
    assert lines["Do"].startswith("bring one gateway back at once")
    assert lines["Command"] == f"aliyun ecs StartInstance --InstanceId {A} --region cn-hangzhou"


@pytest.mark.parametrize("style, does", [(ENGLISH, ("Do", "nothing")), (SHANGHAI, ("建议处理", "无需处理"))])
def test_the_end_of_a_trouble_asks_for_nothing(stage: Stage, style: Style, does: tuple[str, str]) -> None:
    """What was to be done while it lasted is done."""
    stage.world.stop(B)
    stage.sweeps(8)
    stage.world.start(B)
    stage.sweeps(4)
    heading, text = message(stage.told_people()[-1:], style)
    assert heading.startswith(("[RESOLVED]", "【恢复】"))
    assert text.splitlines().count(f"{does[0]}{'：' if style is SHANGHAI else ': '}{does[1]}") == 1


def test_the_gateway_to_start_is_one_that_can_be_started(stage: Stage) -> None:
    """StartInstance is refused while an instance is Stopping (IncorrectInstanceStatus); the other one is Stopped."""
    stage.world.stop(B)
    stage.sweeps(2)
    stage.world.stop(A)
    heading, lines = said(stage.one(stage.state(A, "Stopping")))
    assert heading.startswith("[CRITICAL]")
    assert lines["What"] == f"{A} carries the route and is Stopping"
    assert lines["Command"] == f"aliyun ecs StartInstance --InstanceId {B} --region cn-hangzhou"


def test_an_outage_that_the_platform_does_not_let_natkeeper_end_says_so() -> None:
    """B and C are fit, so it is no use to start A: a person can point the entry, and a right is missing."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    for write in (PointRoute, CreateRoute):
        stage.cloud.answer(write, "Forbidden.RAM", status=403)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    heading, lines = said(receipt)
    assert heading == "[CRITICAL] prod: private hosts have no internet access"
    assert "the platform refuses to lead it elsewhere: denied" in lines["What"]
    assert lines["natkeeper did"] == "tried to lead the route to a standby, and the platform refused it"
    assert lines["Do"].startswith(f"point the entry to {B} by hand")
    assert lines["Command"] == "natkeeper doctor"
    _, chinese = said(receipt, SHANGHAI)
    assert "平台拒绝切换" in chinese["事件"]
    assert chinese["natkeeper 已执行"] == "已尝试将路由切换到备用网关，但被平台拒绝"
    assert chinese["命令"] == "natkeeper doctor"


def test_an_outage_during_a_pause_says_to_end_the_pause(stage: Stage) -> None:
    """The command is the one that the words mean, in both languages."""
    stage.one(person("pause", **{"for": "1h"}, why="new kernel"))
    stage.world.stop(A)
    stage.sweeps(2)
    told = next(each for each in stage.told_people() if each.get("episodes"))
    heading, text = message([told], ENGLISH)
    assert heading.startswith("[CRITICAL]")
    assert "Do: resume the group: natkeeper resume prod\nCommand: natkeeper resume prod" in text
    assert f"Standby: fit, but not proven to forward: {B}" in text
    _, text = message([told], SHANGHAI)
    assert "建议处理：结束暂停：在此之前 natkeeper 不做任何切换\n命令：natkeeper resume prod" in text


def test_titles_tell_a_pause_a_resume_and_a_setup_from_a_move(stage: Stage) -> None:
    """None of them is "natkeeper moved"."""
    titles = [
        said(stage.one(person("pause", **{"for": "1h"}, why="new kernel")))[0],
        said(stage.one(person("resume")))[0],
        said(stage.one(person("setup")))[0],
    ]
    assert titles == ["[INFO] prod: paused", "[INFO] prod: pause ended", "[INFO] prod: setup started"]


def test_a_pause_says_how_it_ends(stage: Stage) -> None:
    """And what it means when something fails meanwhile."""
    _, lines = said(stage.one(person("pause", **{"for": "1h"}, why="new kernel")))
    assert "nobody moves the route" in lines["Private hosts"]
    assert lines["What"] == "paused until 2026-11-23 07:00:00 UTC by a person: new kernel"
    assert lines["Command"] == "natkeeper resume prod"


def test_a_planned_move_says_how_to_go_back(stage: Stage) -> None:
    """Nothing is broken: the old gateway is the standby."""
    heading, lines = said(stage.one(person("switch")))
    assert heading == f"[INFO] prod: moved to {B}"
    assert lines["Standby"] == f"fit, but not proven to forward: {A}"
    assert lines["Private hosts"].startswith("none for new connections")
    assert lines["Command"] == f"natkeeper switch prod --to {A}"


def test_the_fallback_is_a_warning() -> None:
    """It costs money, and there is nowhere left to go."""
    stage = Stage({"prod": group(gateways=[A], fallback=FALLBACK)})
    stage.world.stop(A)
    stage.sweeps(2)
    heading, _ = message([stage.told_people()[0]], ENGLISH)
    assert heading == f"[WARNING] prod: moved to the fallback {FALLBACK}"


def test_names_stand_beside_ids() -> None:
    """Nobody knows i-… by heart at night."""
    receipt = {
        "group": "prod",
        "outcome": "changed",
        "acts": [{"kind": "moved", "what": "0.0.0.0/0 in vtb-1", "to": "i-b", "came_from": "i-a", "why": "i-a is off"}],
        "view": {"gateways": [{"id": "i-a", "name": "nat-a", "health": "unhealthy", "reason": "is Stopped"},
                              {"id": "i-b", "name": "nat-b", "health": "healthy"}],
                 "routes": [{"table": "vtb-1", "destination": "0.0.0.0/0", "next_hop": "i-b"}]},
    }  # fmt: skip
    heading, text = message([receipt], ENGLISH)
    assert heading == "[INFO] prod: moved to nat-b (i-b)"
    assert "Do: start nat-a (i-a); natkeeper sets it up when it runs" in text
    assert "Command: aliyun ecs StartInstance --InstanceId i-a" in text


@pytest.mark.parametrize(
    "route, health, title",
    [
        ({"next_hop": "i-a"}, "unhealthy", "[CRITICAL] prod: private hosts have no internet access"),
        ({"state": "missing"}, "healthy", "[CRITICAL] prod: private hosts have no internet access"),
        ({"state": "unknown"}, "healthy", "[WARNING] prod: natkeeper cannot see its state"),
        ({"next_hop": "i-a"}, "unknown", "[WARNING] prod: natkeeper cannot see its state"),
        ({"next_hop": "i-a"}, "draining", "[WARNING] prod: works, without a healthy standby"),
        ({"next_hop": "eni-x"}, "healthy", "[WARNING] prod: someone else set the route"),
        ({"next_hop": "i-a"}, "healthy", "[WARNING] prod: needs you"),
    ],
)
def test_a_trouble_is_named_by_what_the_routes_and_gateways_show(
    route: dict[str, str], health: str, title: str
) -> None:
    """Severity and words follow from the view."""
    gateways = [{"id": "i-a", "health": health}, {"id": "i-b", "health": "healthy"}]
    view = {"gateways": gateways, "routes": [{"table": "vtb-0", "next_hop": "i-b"}, {"table": "vtb-1", **route}]}
    heading, text = message([{"group": "prod", "outcome": "attention", "view": view}], ENGLISH)
    assert heading == title
    troubled = (route, health) != ({"next_hop": "i-a"}, "healthy")
    assert f"in vtb-{int(troubled)}\n" in text, "where to look"


@pytest.mark.parametrize(
    "kind",
    [
        "dark",
        "degraded",
        "blind",
        "unproven",
        "full",
        "brownout",
        "probe",
        "brown-out",
        "started",
        "unguarded",
        "incomplete",
        "expiring",
        "postponed",
        "found",
        "search",
        "flapping",
    ],
)
@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_an_episode_has_a_beginning_and_an_end(kind: str, language: str) -> None:
    """Told as lasting, with how long, and as over."""
    episode = {
        "kind": kind,
        "since": "2026-11-23T06:00:00Z",
        "about": ["0.0.0.0/0 in vtb-1"],
        "cause": "i-a is Stopped",
    }
    receipt = {"group": "prod", "at": "2026-11-23T06:30:00Z", "episodes": [episode]}
    style = Style(language, "Asia/Shanghai")
    heading, text = message([receipt], style)
    assert heading.startswith(wording.SEVERITY["critical" if kind == "dark" else "warning"][language == "zh"])
    assert "2026-11-23 14:00:00 Asia/Shanghai" in text
    assert ("30 min" if language == "en" else "30 分钟") in text
    assert ("i-a is Stopped" if language == "en" else "i-a 已停止") in text
    over, _ = message([{**receipt, "episodes": [{**episode, "ended": "2026-11-23T06:30:00Z"}]}], style)
    assert over.startswith(wording.SEVERITY["resolved"][language == "zh"])


@pytest.mark.parametrize("kind", wording.KINDS)
def test_every_episode_says_what_is_felt_and_what_to_do_in_either_language(kind: str) -> None:
    """Words of its own, none that send the reader elsewhere; Chinese ones have no English sentence in them."""
    episode = {"kind": kind, "since": "2026-11-23T06:00:00Z", "cause": "i-a is Stopped", "todo": "repair i-a"}
    view = {
        "gateways": [{"id": "i-a", "health": "unhealthy", "reason": "is Stopped"}, {"id": "i-b", "health": "healthy"}]
    }
    receipt = {"group": "prod", "at": "2026-11-23T06:30:00Z", "episodes": [episode], "view": view}
    _, english = message([receipt], ENGLISH)
    assert "Do: repair i-a" in english
    _, chinese = message([receipt], SHANGHAI)
    lines = dict(line.split("：", 1) for line in chinese.splitlines())
    assert lines["事件"] == "i-a 已停止"
    for label in ("对私网主机的影响", "建议处理", "natkeeper 已执行", "备用网关"):
        assert re.search(r"[\u4e00-\u9fff]", lines[label])
        assert not re.search(r"[a-z]+ [a-z]+ [a-z]+", lines[label]), lines[label]
    assert "见详情" not in lines["对私网主机的影响"] + lines["建议处理"]
    assert lines["命令"].split()[0] in ("natkeeper", "aliyun")


def test_an_episode_does_not_hide_a_move() -> None:
    """One gateway is left: the message is about the move, and names the trouble that lasts."""
    episode = {"kind": "degraded", "since": "2026-11-23T06:00:00Z", "cause": "i-a is Stopped"}
    act = {"kind": "moved", "what": "0.0.0.0/0 in vtb-1", "to": "i-b", "came_from": "i-a"}
    receipt = {
        "group": "prod",
        "at": "2026-11-23T06:30:00Z",
        "outcome": "changed",
        "acts": [act],
        "episodes": [episode],
    }
    heading, text = message([receipt], ENGLISH)
    assert heading == "[INFO] prod: moved to i-b"
    assert "Episode: a standby is not ready, 2026-11-23 06:00:00 UTC (for 30 min): i-a is Stopped" in text


def test_every_word_is_there_in_both_languages_with_the_same_fields() -> None:
    """A field that one language forgot would be lost in it."""
    tables = [value for name, value in vars(wording).items() if name.isupper() and isinstance(value, dict)]
    count = 0
    for table in tables:
        for key, pair in table.items():
            if isinstance(pair, tuple):
                fields = [{name for _, name, _, _ in string.Formatter().parse(words) if name} for words in pair]
                assert fields[0] == fields[1], key
                assert all(pair), key
                count += 1
    assert count > 80


@pytest.mark.parametrize(
    "odd",
    [
        {"acts": "x", "view": 7, "routes": None},
        {"acts": [{"kind": 1}], "view": {"gateways": {}, "routes": "y", "fallback": []}, "at": "soon"},
        {"episodes": [{"kind": None}, {"since": 5}, "z"], "outcome": "attention"},
        {"outcome": "attention", "view": {"gateways": [{}], "routes": [{}]}},
    ],
)
def test_an_odd_receipt_is_told_as_far_as_it_goes(odd: dict[str, Any]) -> None:
    """Of a newer version, or damaged: never an error."""
    for style in (ENGLISH, SHANGHAI):
        assert all(story.headline for story in stories_of({"group": "prod", "sentence": "s", **odd}, style))


def test_a_time_zone_that_is_not_known_is_said_in_utc() -> None:
    """A message matters more than its clock."""
    _, text = message([{"group": "prod", "at": "2026-11-23T06:00:00Z"}], Style(timezone="Mars/Olympus"))
    assert "2026-11-23 06:00:00 UTC" in text


def test_where_no_style_is_asked_for_it_is_english_and_utc() -> None:
    """By the defaults of the message as by those of a request that says nothing."""
    assert style_of({}) == Style() == style_of({"style": {"language": "", "timezone": ""}})
    _, text = message([{"group": "prod", "at": "2026-11-23T06:00:00Z"}], Style())
    assert "2026-11-23 06:00:00 UTC" in text


@pytest.mark.parametrize("language", wording.LANGUAGES)
@pytest.mark.parametrize("kind", get_args(ActKind))
def test_every_act_is_told_in_words_of_its_own(kind: str, language: str) -> None:
    """With what it was done to, and in neither language by its key."""
    act = {"kind": kind, "what": "the-thing", "to": "i-to", "came_from": "i-from"}
    _, text = message([{"group": "prod", "outcome": "changed", "acts": [act]}], Style(language))
    words = wording.DID[kind][wording.LANGUAGES.index(language)]
    assert words.format(what="the-thing", to="i-to", came_from="i-from") in text


@pytest.mark.parametrize(
    "kind, told", [("address", "took the-thing off i-from"), ("lane", "took out the lane the-thing")]
)
def test_what_leads_nowhere_any_more_was_taken_away(kind: str, told: str) -> None:
    """An EIP without a new holder, a lane without a next hop."""
    act = {"kind": kind, "what": "the-thing", "to": "", "came_from": "i-from"}
    assert told in message([{"group": "prod", "outcome": "changed", "acts": [act]}], ENGLISH)[1]


@pytest.mark.parametrize("language, label", [("en", "Runbook"), ("zh", "处理手册")])
def test_a_runbook_is_a_link_or_says_which_page_it_means(language: str, label: str) -> None:
    """An address and not a path of the repository, which nobody can open at night; the test message asks for one."""
    receipt = {"group": "prod", "outcome": "attention", "episodes": [{"kind": "dark"}]}
    linked, bare = Style(language, runbook="https://wiki.test/nk"), Style(language)
    page = {"en": "docs/operations.md", "zh": "docs/zh/operations.md"}[language]
    for told in ([receipt], [{**receipt, "episodes": []}]):
        _, text = message(told, linked)
        assert re.search(rf"^{label}(: |：)https://wiki\.test/nk#\w+$", text, re.MULTILINE)
        _, text = message(told, bare)
        (line,) = [each for each in text.splitlines() if each.startswith(label)]
        assert (page in line, f"{page}#" in line, "`" in line) == (True, False, True)
    _, text = notification_test(linked)
    assert "https://wiki.test/nk#attention" in text
    _, text = notification_test(bare)
    assert "runbook: https://" in text


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/zh/operations.md"])
def test_every_runbook_anchor_is_there(page: str) -> None:
    """A link from a message leads to its row, in both languages."""
    text = (ROOT / page).read_text(encoding="utf-8")
    elsewhere = ("ended", "test", "several", "several_changed", "failed", "quiet", "released")
    missing = [kind for kind in wording.HEADLINES if kind not in elsewhere and f'<a id="{kind}"></a>' not in text]
    assert not missing
