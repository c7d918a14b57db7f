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

Receipt = dict[str, Any]

LONGEST_REASON, LONGEST_PAYLOAD = 600, 200
"""Characters of a failed run's reason, and of what woke it, in a message."""
MOST_AT_LENGTH = 8
"""Of how many groups a message tells at length; trouble of a whole region must not become a hundred messages."""
_TITLES = {"changed": "natkeeper moved", "attention": "natkeeper needs you"}


VARIABLE = "NATKEEPER_NOTIFY"
ADDRESSES_FILE = "notify.txt"
"""In the bundle: what natkeeper.notify held when it was made."""
NOBODY = "none"
"""As the whole of NATKEEPER_NOTIFY: notify nobody, on purpose."""
COUNT = "addresses"
"""The action of a request that is answered with the number of addresses."""


class NotToldError(Exception):
    """No place could be told; raised so that the platform tries again."""


def handler(event: bytes, _context: object) -> str:
    """Notify every address of `{"tell": [receipt, …]}`, in one message.

    `{"action": "addresses"}` is answered with their number, and with nothing else of them. A record of a failed
    invocation, which Function Compute delivers for `onFailure` of the failover function, is told as such.

    Raises NotToldError when no place could be told: then another try does no harm. While one of them was told, another
    try would tell it twice, so a place that fails loses its own message and nothing else.
    """
    urls = addresses(os.environ)
    request = _request(event)
    if request.get("action") == COUNT:
        return json.dumps({"addresses": len(urls)})
    story = _story(request)
    if not urls or story is None:
        return json.dumps({"told": 0, "reason": "NATKEEPER_NOTIFY is empty" if story else "no receipt to tell of"})
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its messages may quote URLs
    heading, text = story

    def tell(url: str) -> str | None:
        return _tell(apprise.Apprise(), url, heading, text)

    with ThreadPoolExecutor(max_workers=len(urls)) as places:
        problems = list(places.map(tell, urls))
    for number, problem in enumerate(problems, 1):
        if problem is not None:
            print(json.dumps({"level": "error", "message": f"NATKEEPER_NOTIFY: URL {number} {problem}"}), flush=True)  # noqa: T201
    told = problems.count(None)
    if not told:
        raise NotToldError("no notification could be delivered; check NATKEEPER_NOTIFY and the places it names")
    return json.dumps({"told": told, "of": len(urls)})


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


def message(receipts: list[Receipt]) -> tuple[str, str]:
    """Make title and text of one message about `receipts`."""
    if len(receipts) == 1:
        return title(receipts[0]), body(receipts[0])
    needing = sum(receipt.get("outcome") == "attention" for receipt in receipts)
    heading = f"natkeeper: {len(receipts)} groups" + (f", {needing} of them need you" if needing else " moved")
    urgent = sorted(receipts, key=lambda receipt: receipt.get("outcome") != "attention")
    parts = [f"{title(receipt)}\n{body(receipt)}" for receipt in urgent[:MOST_AT_LENGTH]]
    rest = [str(receipt.get("group", "?")) for receipt in urgent[MOST_AT_LENGTH:]]
    return heading, "\n\n".join([*parts, *([f"and {len(rest)} more: {', '.join(rest)}"] if rest else [])])


def failure(record: Mapping[str, Any]) -> tuple[str, str]:
    """Make title and text of one message about Function Compute's record of a failed asynchronous invocation.

    The record has requestContext, requestPayload, responseContext and responsePayload ("Asynchronous invocation:
    destinations" in the documentation of Function Compute); which of them are filled depends on how it failed.
    """
    about, answer = _part(record, "requestContext"), _object(record.get("responsePayload"))
    function = str(about.get("functionArn", "?")).rpartition("/")[2]
    condition = str(about.get("condition") or _part(record, "responseContext").get("functionError") or "unknown")
    reason = answer.get("errorMessage") or record.get("responsePayload") or "it gave no reason"
    lines = [
        f"A run of {function} failed ({condition}): {str(reason)[:LONGEST_REASON]}",
        f"Asked by: {str(record.get('requestPayload', '?'))[:LONGEST_PAYLOAD]}",
        f"Request: {about.get('requestId', '?')}, tries: {about.get('approximateInvokeCount', '?')}",
        "While runs fail, no route is moved. Look at the log of the function, and at natkeeper doctor.",
    ]
    return f"natkeeper needs you: {function} failed", "\n".join(lines)


def title(receipt: Receipt) -> str:
    """Say in a few words what it is about."""
    repaired = receipt.get("repaired") and receipt.get("outcome") == "changed" and not receipt.get("did")
    heading = "natkeeper repaired" if repaired else _TITLES.get(str(receipt.get("outcome")), "natkeeper")
    return f"{heading}: {receipt.get('group', '?')}"


def body(receipt: Receipt) -> str:
    """Say what happened, why, and where the routes are now."""
    lines = [str(receipt.get("sentence", ""))]
    lines += [f"Signal: {receipt.get('signal', '?')}", f"When: {receipt.get('at', '?')}"]
    hops, problems = receipt.get("next_hops"), receipt.get("problems")
    lines += [f"{route}: {hop}" for route, hop in (hops if isinstance(hops, dict) else {}).items()]
    lines += [f"Problem: {problem}" for problem in (problems if isinstance(problems, list) else [])]
    return "\n".join(lines)


def _tell(place: Any, url: str, heading: str, text: str) -> str | None:  # noqa: ANN401  Apprise has no types
    """Tell one place; what went wrong in words that do not show the URL, or None."""
    if not place.add(url):
        return "is not understood"
    try:
        return None if place.notify(title=heading, body=text) else "did not take the message"
    except Exception as error:  # noqa: BLE001  a plugin's own fault must not keep other places from being told
        return f"failed with {type(error).__name__}"


def _request(event: bytes) -> dict[str, Any]:
    try:
        data: Any = json.loads(event)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _story(request: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return title and text of what there is to tell; None when there is nothing."""
    if "requestContext" in request:
        return failure(request)
    tell = request.get("tell")
    receipts = [receipt for receipt in tell if isinstance(receipt, dict)] if isinstance(tell, list) else []
    return message(receipts) if receipts else None


def _part(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = record.get(name)
    return part if isinstance(part, dict) else {}


def _object(value: object) -> dict[str, Any]:
    """Return a JSON object that is given as such or as text; an empty one for anything else."""
    if isinstance(value, str):
        return _request(value.encode())
    return value if isinstance(value, dict) else {}
