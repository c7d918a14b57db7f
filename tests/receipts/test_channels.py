"""Messages through Apprise's own plugins on loopback: e-mail, DingTalk, Feishu, WeCom, Slack, a webhook."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from natkeeper.notify import wording
from natkeeper.notify.handler import handler
from tests.receipts.channels import Chats, Mails, chats, mails

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise's, until 3.13


@pytest.fixture
def hooks() -> Iterator[Chats]:
    with chats() as serving:
        yield serving


@pytest.fixture
def mail() -> Iterator[Mails]:
    with mails() as serving:
        yield serving


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


@pytest.mark.parametrize("language", wording.LANGUAGES)
@pytest.mark.parametrize(
    "severity, kind", [("critical", "failure"), ("warning", "warning"), ("resolved", "success"), ("info", "info")]
)
def test_a_channel_with_severities_of_its_own_gets_that_of_the_title(
    hooks: Chats, monkeypatch: pytest.MonkeyPatch, severity: str, kind: str, language: str
) -> None:
    """PagerDuty wakes nobody for "info", and a web hook that filters would drop an outage."""
    episode = {"kind": "degraded" if severity == "warning" else "dark", "since": "2026-11-23T06:20:07Z"}
    ended = {"ended": "2026-11-23T06:25:07Z"} if severity == "resolved" else {}
    episodes = [] if severity == "info" else [{**episode, **ended}]
    receipt = {"group": "prod", "outcome": "changed", "at": "2026-11-23T06:20:07.000Z", "episodes": episodes}
    notify(monkeypatch, f"json://127.0.0.1:{hooks.port}/json", language, receipt)
    ((_, said),) = hooks.arrived
    assert said["title"].startswith(wording.text(wording.SEVERITY, severity, language))
    assert said["type"] == kind


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
