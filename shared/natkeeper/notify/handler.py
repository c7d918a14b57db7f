"""The notify function: tells people what a receipt says, through Apprise.

It is a function of its own, invoked asynchronously once the route is safe, so a webhook that hangs or fails delays no
run and loses nothing but itself; Function Compute tries it again. Where to tell (Apprise URLs: DingTalk, Feishu,
WeCom, Slack, e-mail, …) comes from the environment variable NATKEEPER_NOTIFY, separated by blanks, or from the
bundle's file notify.txt, and is never logged: such URLs carry tokens.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from natkeeper import bundle_root
from natkeeper.notify.failed_run import is_failed_run, story_of_failure
from natkeeper.notify.message import Style, body, message, severity_of, style_of, test_message, title

VARIABLE = "NATKEEPER_NOTIFY"
ADDRESSES_FILE = "notify.txt"
"""In the bundle: what natkeeper.notify held when it was made."""
NOBODY = "none"
"""As the whole of NATKEEPER_NOTIFY: notify nobody, on purpose."""
HEARTBEAT = "heartbeat+"
"""What a heartbeat's address begins with, among the others: heartbeat+https://host/path."""
COUNT = "addresses"
"""The action of a request that is answered with the number of addresses."""
TEST = "test"
"""The action of a request that notifies every address of a test message."""
_TYPES = {"critical": "FAILURE", "warning": "WARNING", "resolved": "SUCCESS"}
"""Apprise's own word for a severity, which some places make an urgency or a colour of; INFO for all else."""
_LONGEST_BODY = {"wecombot": 680}
"""Characters that a place takes, where Apprise counts otherwise: WeCom takes 2048 bytes, three for a Chinese one."""


class NotToldError(Exception):
    """No place could be told; raised so that the platform tries again."""


def handler(event: bytes, context: object) -> str:
    """Notify every address of `{"tell": [receipt, …], "style": {"language", "timezone", "runbook"}}`, in one message.

    `{"heartbeat": {"ok", "at"}}` calls every heartbeat address (heartbeat.py) and tells nobody.
    `{"action": "addresses"}` is answered with their number, and with nothing else of them. `{"action": "test"}` sends
    every address a test message; the answer says how many took it. A record of a failed invocation, which Function
    Compute delivers for `onFailure` of the failover function, is told as such.

    Raises NotToldError when no place could be told: then another try does no harm. While one of them was told, another
    try would tell it twice, so a place that fails loses its own message and nothing else.
    """
    given = addresses(os.environ)
    urls = [url for url in given if not url.startswith(HEARTBEAT)]
    request = _request(event)
    if isinstance(request.get("heartbeat"), dict):
        beats = [url.removeprefix(HEARTBEAT) for url in given if url.startswith(HEARTBEAT)]
        return json.dumps(_beat(beats, request["heartbeat"]))
    if request.get("action") == COUNT:
        return json.dumps({"addresses": len(urls)})
    style = style_of(request, account=_about(context, "account_id"), region=_about(context, "region"))
    story, test = _story(request, style), request.get("action") == TEST
    if not urls or story is None:
        return json.dumps({"told": 0, "reason": "NATKEEPER_NOTIFY is empty" if story else "no receipt to tell of"})
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its messages may quote URLs
    heading, text = story

    def tell(url: str) -> str | None:
        return _tell(apprise, url, heading, text)

    with ThreadPoolExecutor(max_workers=len(urls)) as places:
        problems = list(places.map(tell, urls))
    for number, problem in enumerate(problems, 1):
        if problem is not None:
            print(json.dumps({"level": "error", "message": f"NATKEEPER_NOTIFY: URL {number} {problem}"}), flush=True)  # noqa: T201
    told = problems.count(None)
    if test:
        wrong = [f"address {number} {problem}" for number, problem in enumerate(problems, 1) if problem is not None]
        return json.dumps({"told": told, "of": len(urls), "problems": wrong})
    if not told:
        raise NotToldError("no notification could be delivered; check NATKEEPER_NOTIFY and the places it names")
    return json.dumps({"told": told, "of": len(urls)})


def _beat(urls: list[str], about: Mapping[str, Any]) -> dict[str, Any]:
    """Call the heartbeat addresses, and log what went wrong without showing one."""
    from natkeeper.notify.heartbeat import beat

    answer = beat(urls, about)
    for problem in answer["problems"]:
        print(json.dumps({"level": "error", "message": f"heartbeat: {problem}"}), flush=True)  # noqa: T201
    return answer


def addresses(environment: Mapping[str, str]) -> list[str]:
    """Return the Apprise URLs: those of NATKEEPER_NOTIFY, or where that is empty, those in the bundle's notify.txt."""
    given = environment.get(VARIABLE, "").split()
    if given:
        return [] if given == [NOBODY] else given
    try:
        text = (bundle_root(environment) / ADDRESSES_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return text.split()


def _tell(apprise: Any, url: str, heading: str, text: str) -> str | None:  # noqa: ANN401  Apprise has no types
    """Notify one address; returns what went wrong, in words that do not show the URL, or None."""
    place, everything = apprise.Apprise.instantiate(url, suppress_exceptions=True), apprise.Apprise()
    if place is None or not everything.add(place):
        return "is not understood"
    if "overflow=" not in url:  # without this a text that is too long is refused by the place, and lost
        place.overflow_mode = apprise.OverflowMode.SPLIT
    scheme = url.partition(":")[0].lower()
    place.body_maxlen = min(place.body_maxlen, _LONGEST_BODY.get(scheme, place.body_maxlen))
    try:
        # The text is plain: Apprise escapes it and keeps its lines for a place that wants HTML, such as e-mail.
        kind = getattr(apprise.NotifyType, _TYPES.get(severity_of(heading), "INFO"))
        sent = everything.notify(title=heading, body=text, body_format=apprise.NotifyFormat.TEXT, notify_type=kind)
    except Exception as error:  # noqa: BLE001  a plugin's own fault must not keep other places from being told
        return f"failed with {type(error).__name__}"
    return None if sent else "did not take the message"


def _about(context: object, name: str) -> str:
    """Read the account or region from the context of the invocation, else from the function's environment."""
    return str(getattr(context, name, None) or os.environ.get(f"FC_{name.upper()}") or "")


def _request(event: bytes) -> dict[str, Any]:
    try:
        data: Any = json.loads(event)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _story(request: Mapping[str, Any], style: Style) -> tuple[str, str] | None:
    """Return title and text of what there is to tell; None when there is nothing."""
    if request.get("action") == TEST:
        return test_message(style)
    if is_failed_run(request):
        failed = story_of_failure(request, style)
        return title(failed, style), body(failed, style)
    tell = request.get("tell")
    receipts = [receipt for receipt in tell if isinstance(receipt, dict)] if isinstance(tell, list) else []
    return message(receipts, style) if receipts else None
