"""`natkeeper status --serve`: the live page, until Ctrl-C."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from natkeeper.cli.client import utc_now
from natkeeper.cli.drill.sampler import Feeling
from natkeeper.cli.errors import Exit, Wrong
from natkeeper.cli.page.server import HOST, server
from natkeeper.cli.page.watching import PageWatch
from natkeeper.cli.survey.history import events_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from natkeeper.cli.context import CommandContext
    from natkeeper.cli.invoke import Asker
    from natkeeper.domain.config import Group

Json = dict[str, Any]


def serve(context: CommandContext, asker: Asker, request: Json, every_s: float, port: int) -> Exit:
    """Serve the page of one group or all until Ctrl-C. Raises Wrong where the port is taken."""
    groups = [context.group(request["group"])] if "group" in request else list(context.config.groups)
    context.reach.credentials()  # having none ends the command here, and not as a line on the page
    watching = PageWatch(
        status=lambda: asker.ask(request),
        moves=lambda since: _moves(context, groups, since),
        checks={group.name: _check(context, group.probe.function) for group in groups if group.probe.function},
        clock=utc_now,
        region=context.region_id,
        every_s=every_s,
    )
    try:
        served = server(port, watching.state)
    except OSError as taken:
        raise Wrong(f"port {port} cannot be served: {taken.strerror}", "name another with --port") from taken
    url = f"http://{HOST}:{served.server_address[1]}/"
    if context.as_json:
        context.screen.data({"ok": True, "url": url})
    else:
        context.screen.say(f"{url}  a page for browsers of this machine; it only reads. Ctrl-C ends it.")
    watching.begin()
    try:
        served.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        return Exit.OK
    finally:
        watching.end()
        served.server_close()
    return Exit.OK


def _moves(context: CommandContext, groups: list[Group], since: datetime) -> list[Json]:
    return [event.as_json() for event in events_of(context.reach, groups, since, everybody=True) if event.moved]


def _check(context: CommandContext, function: str) -> Callable[[], Json]:
    feeling = Feeling(context.reach, function)

    def check() -> Json:
        began, seen = utc_now().timestamp(), feeling.check()
        if seen is None:
            return {"at": began, "found": "unseen", "why": feeling.blind or f"{function} was busy"}
        return {"at": began, "found": "lost" if seen.error else "answered", "ip": seen.seen, "why": seen.error}

    return check
