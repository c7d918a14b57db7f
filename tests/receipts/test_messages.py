"""What people read: what happened, what it means for private hosts, what is left, what to do, in two languages."""

from __future__ import annotations

import html
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from natkeeper.notify import wording
from natkeeper.notify.handler import handler
from natkeeper.notify.message import Style, message, stories_of
from tests.fakes.stage import FALLBACK, TABLE, A, B, Stage, group, person
from tests.receipts.channels import Chats, Mails, chats, mails

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise's, until 3.13
ROOT = Path(__file__).resolve().parents[2]
SHANGHAI = Style("zh", "Asia/Shanghai", account="1000000000000001", region="cn-hangzhou")
ENGLISH = Style(account="1000000000000001", region="cn-hangzhou")


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def hooks() -> Iterator[Chats]:
    with chats() as serving:
        yield serving


@pytest.fixture
def mail() -> Iterator[Mails]:
    with mails() as serving:
        yield serving


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
    assert lines["Where"] == f"account 1000000000000001, cn-hangzhou, 0.0.0.0/0 in {TABLE}"
    assert lines["Console"].endswith(f"/cn-hangzhou/route-tables/{TABLE}")
    assert lines["Runbook"] == "docs/operations.md#moved"


def test_the_same_in_chinese_and_local_time(stage: Stage) -> None:
    """From the fields, not from the English sentence; that follows as it is."""
    stage.world.stop(A)
    heading, lines = said(stage.one(stage.state(A, "Stopping")), SHANGHAI)
    assert heading == f"【通知】 prod：路由已切换到 {B}"
    assert lines["开始时间"] == "2026-11-23 14:00:00 Asia/Shanghai"
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
    assert lines["Do"].startswith("bring one gateway back at once")
    assert lines["Command"] == f"aliyun ecs StartInstance --InstanceId {A}"


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
    assert lines["Command"] == "natkeeper resume prod"


def test_a_planned_move_says_how_to_go_back(stage: Stage) -> None:
    """Nothing is broken: the old gateway is the standby."""
    heading, lines = said(stage.one(person("switch")))
    assert heading == f"[INFO] prod: moved to {B}"
    assert lines["Standby"] == f"ready: {A}"
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
    view = {"gateways": [{"id": "i-a", "health": health}], "routes": [{"table": "vtb-1", **route}]}
    assert message([{"group": "prod", "outcome": "attention", "view": view}], ENGLISH)[0] == title


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
    assert "30 min" in text
    assert "i-a is Stopped" in text
    over, _ = message([{**receipt, "episodes": [{**episode, "ended": "2026-11-23T06:30:00Z"}]}], style)
    assert over.startswith(wording.SEVERITY["resolved"][language == "zh"])


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
    assert "Episode: no healthy standby, 2026-11-23 06:00:00 UTC (for 30 min): i-a is Stopped" in text


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


# ---- through Apprise's own plugins -----------------------------------------------------------------------


RECEIPT = {
    "group": "prod",
    "outcome": "changed",
    "at": "2026-11-23T06:20:07.000Z",
    "sentence": "moved 0.0.0.0/0 in vtb-1 from i-a to i-b: i-a <b>is</b> Stopped & gone",
    "acts": [{"kind": "moved", "what": "0.0.0.0/0 in vtb-1", "to": "i-b", "came_from": "i-a"}],
    "problems": [f"problem {number}: <script>alert({number})</script>" for number in range(5)],
}


def notify(monkeypatch: pytest.MonkeyPatch, url: str, language: str, receipt: dict[str, Any] | None = None) -> Any:
    monkeypatch.setenv("NATKEEPER_NOTIFY", url)
    tell = {"tell": [receipt or RECEIPT], "style": {"language": language, "timezone": "Asia/Shanghai"}}
    return json.loads(handler(json.dumps(tell).encode(), None))


@pytest.mark.parametrize("language", wording.LANGUAGES)
@pytest.mark.parametrize("form", ["html", "text"])
def test_an_e_mail_keeps_its_lines_and_escapes_what_others_wrote(
    mail: Mails, monkeypatch: pytest.MonkeyPatch, language: str, form: str
) -> None:
    """In both formats that the plugin has; the subject is the title."""
    url = f"mailto://127.0.0.1:{mail.port}?from=nat@example.com&to=ops@example.com&mode=insecure&format={form}"
    assert notify(monkeypatch, url, language)["told"] == 1
    (arrived,) = mail.arrived
    assert arrived["Subject"] == (
        "[INFO] prod: moved to i-b" if language == "en" else "【通知】 prod：路由已切换到 i-b"
    )
    part = arrived.get_body(preferencelist=("html",) if form == "html" else ("plain",))
    assert part is not None
    text = part.get_content()
    if form == "html":
        assert "<script>" not in text
        assert "<b>is</b>" not in text
        text = html.unescape(re.sub(r"<br\s*/?>|</p>|</div>", "\n", text)).replace("\xa0", " ")
    lines = [re.sub(r"<[^>]*>$", "", line).strip() for line in text.splitlines()]
    assert sum("problem" in line for line in lines) == 5, text
    assert any("i-a <b>is</b> Stopped & gone" in line for line in lines)


@pytest.mark.parametrize("language", wording.LANGUAGES)
@pytest.mark.parametrize("channel", ["dingtalk", "feishu", "wecombot", "slack", "json"])
def test_every_chat_gets_title_and_lines(
    hooks: Chats, monkeypatch: pytest.MonkeyPatch, channel: str, language: str
) -> None:
    """Whatever the plugin makes of it: the title, every line, and the text of others as they wrote it."""
    from apprise.plugins.dingtalk import NotifyDingTalk
    from apprise.plugins.feishu import NotifyFeishu
    from apprise.plugins.slack import NotifySlack
    from apprise.plugins.wecombot import NotifyWeComBot

    monkeypatch.setattr(NotifyDingTalk, "notify_url", f"{hooks.base}/dingtalk?access_token={{token}}")
    monkeypatch.setattr(NotifyFeishu, "notify_url", f"{hooks.base}/feishu/{{token}}/")
    monkeypatch.setattr(NotifyWeComBot, "notify_url", f"{hooks.base}/wecom?key={{key}}")
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{hooks.base}/slack")
    token = "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6abcd"
    url = {
        "dingtalk": f"dingtalk://{token}",
        "feishu": f"feishu://{token[:36]}",
        "wecombot": f"wecombot://{token[:36]}",
        "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/%23ops",
        "json": f"json://127.0.0.1:{hooks.port}/json",
    }[channel]
    assert notify(monkeypatch, url, language)["told"] == 1
    everything = html.unescape("\n".join(json.dumps(said, ensure_ascii=False) for _, said in hooks.arrived))
    assert ("moved to i-b" if language == "en" else "路由已切换到 i-b") in everything
    for number in range(5):
        assert f"problem {number}: " in everything
    assert "i-a <b>is</b> Stopped & gone" in everything
    assert "\\n" in everything


@pytest.mark.parametrize("channel", ["wecombot", "feishu"])
def test_a_long_text_arrives_in_parts(hooks: Chats, monkeypatch: pytest.MonkeyPatch, channel: str) -> None:
    """A place refuses what is longer than it takes, and the message would be lost; WeCom counts bytes."""
    from apprise.plugins.feishu import NotifyFeishu
    from apprise.plugins.wecombot import NotifyWeComBot

    monkeypatch.setattr(NotifyFeishu, "notify_url", f"{hooks.base}/feishu/{{token}}/")
    monkeypatch.setattr(NotifyWeComBot, "notify_url", f"{hooks.base}/wecom?key={{key}}")
    monkeypatch.setattr(NotifyWeComBot, "request_rate_per_sec", 0)
    long = {**RECEIPT, "problems": [f"问题 {number}：" + "网关不可用，" * 60 for number in range(60)]}
    assert notify(monkeypatch, f"{channel}://a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6", "zh", long)["told"] == 1
    longest = 2048 if channel == "wecombot" else 20000 * 3
    texts = [_longest_text(said) for _, said in hooks.arrived]
    assert len(texts) == (5 if channel == "wecombot" else 1)
    assert max(len(text.encode()) for text in texts) <= longest
    assert "问题 4" in "".join(texts)


def _longest_text(said: Any) -> str:
    if isinstance(said, str):
        return said
    values = said.values() if isinstance(said, dict) else said if isinstance(said, list) else ()
    return max((_longest_text(value) for value in values), key=len, default="")


def test_a_test_message_says_who_took_it(hooks: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address by its number; nothing is raised, so nothing is sent again."""
    monkeypatch.setenv("NATKEEPER_NOTIFY", f"json://127.0.0.1:{hooks.port}/ json://127.0.0.1:9/?cto=0.3 nosuch://x")
    answer = json.loads(handler(b'{"action": "test", "style": {"language": "zh"}}', None))
    assert answer == {
        "told": 1, "of": 3, "problems": ["address 2 did not take the message", "address 3 is not understood"],
    }  # fmt: skip
    assert hooks.arrived[0][1]["title"] == "【测试】 natkeeper 测试消息"


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/zh/operations.md"])
def test_every_runbook_anchor_is_there(page: str) -> None:
    """A link from a message leads to its row, in both languages."""
    text = (ROOT / page).read_text(encoding="utf-8")
    elsewhere = ("ended", "test", "several", "several_changed", "failed", "quiet")
    missing = [kind for kind in wording.HEADLINES if kind not in elsewhere and f'<a id="{kind}"></a>' not in text]
    assert not missing
