"""A dead man's switch: an outside monitor is called after each good sweep, and alarms when the calls stop.

It notices what natkeeper cannot tell: that Function Compute, the event bus, the timer or the account is broken.
Any service that waits for a GET works; the address is as secret as those of NATKEEPER_NOTIFY and stands among them.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.parse
import urllib.request
from calendar import timegm
from collections.abc import Mapping, Sequence
from typing import Any

STALE_S = 120.0
"""A hand-over that Function Compute delivered late says nothing of now: it would hide the silence before it."""
_WAIT_S = 5.0
_AT = "%Y-%m-%dT%H:%M:%SZ"


def beat(urls: Sequence[str], about: Mapping[str, Any]) -> dict[str, Any]:
    """Call every address once; answers how many were reached, and what went wrong by number, never by address.

    `about["ok"]`: private hosts have the internet. Where they have not, the address that means failure is called.
    """
    if _age_s(about.get("at")) > STALE_S:
        return {"called": 0, "of": len(urls), "problems": ["the hand-over came too late to say anything of now"]}
    if not urls:
        return {"called": 0, "of": 0, "problems": ["no address begins with heartbeat+ (docs/configuration.md)"]}
    problems = []
    for number, url in enumerate(urls, 1):
        wrong = _call(url if about.get("ok") else failure_of(url))
        if wrong is not None:
            problems.append(f"address {number} {wrong}")
    return {"called": len(urls) - len(problems), "of": len(urls), "problems": problems}


def failure_of(url: str) -> str:
    """Return the address that means failure: `status=up` becomes `status=down` (Uptime Kuma), else `/fail` is added.

    The latter is what Healthchecks and those like it take (healthchecks.io, pinging API).
    """
    parts = urllib.parse.urlsplit(url)
    if "status=up" in parts.query:
        return parts._replace(query=parts.query.replace("status=up", "status=down")).geturl()
    return parts._replace(path=parts.path.rstrip("/") + "/fail").geturl()


def _call(url: str) -> str | None:
    """Get `url`; returns what went wrong, in words that do not show it, or None."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        return "is neither http:// nor https://"
    try:
        with urllib.request.urlopen(url, timeout=_WAIT_S) as answer:  # noqa: S310  the scheme was looked at
            answer.read(1)
    except urllib.error.HTTPError as error:
        return f"answered {error.code}"
    except (OSError, ValueError) as error:
        return f"cannot be reached ({type(error).__name__})"
    return None


def _age_s(at: object) -> float:
    """Return how old a moment is by this clock, in seconds; one that cannot be read is taken for now."""
    try:
        return time.time() - timegm(time.strptime(str(at), _AT))
    except ValueError:
        return 0.0
