"""The failover function's shell: credentials, clock, deadline, log and answer around `attend`.

Logs are JSON lines; a run ends with its receipts. Groups for which nothing was to do share one line, so a quiet
minute costs a few hundred bytes however many groups there are.
"""

from __future__ import annotations

import gc
import json
import os
import traceback
from collections import deque
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Any

from natkeeper import bundle_root
from natkeeper.domain.config import Config, parse_config
from natkeeper.failover.run import Answer, Told, attend
from natkeeper.ports import drive

if TYPE_CHECKING:
    from natkeeper.alibaba.cloud import AlibabaCloud

RUN_FOR = timedelta(seconds=45)
"""How long a run may go on; s.yaml gives the function 60 s, so it always ends itself."""
TELL_FOR = timedelta(seconds=8)
"""What is left after that for telling people: a run that used up its time is what they must hear of."""

_TOLD = Told()
_CONTEXT: deque[Any] = deque([None], maxlen=1)
"""The context of the invocation under way: where an older runtime keeps the credentials."""


def handler(event: bytes, context: Any) -> str:  # noqa: ANN401  FC's context class is the runtime's own
    """Answer one invocation of the failover function with the JSON of `Answer`; never raises."""
    began = _now()
    _CONTEXT.append(context)
    run = str(getattr(context, "request_id", "") or f"run-{began:%Y%m%d%H%M%S%f}")
    try:
        config = load_config()
        deadline = began + RUN_FOR
        attending = attend(event, config, run, _now, deadline, _TOLD)
        answer = drive(attending, _cloud(config.region), deadline + TELL_FOR)
    except Exception as error:  # noqa: BLE001  the outermost edge: an unforeseen fault becomes an answer, not silence
        trace = _without_secrets(traceback.format_exc(limit=-6))
        _log("error", f"the run failed: {type(error).__name__}", run=run, trace=trace)
        return json.dumps({"ok": False, "error": f"the run failed with {type(error).__name__}; its log has the trace"})
    _account(answer, run)
    return json.dumps(answer.as_json(), ensure_ascii=False)


@cache
def load_config() -> Config:
    """Read natkeeper.json, which packaging baked into the bundle from natkeeper.yaml."""
    path = bundle_root(os.environ) / "natkeeper.json"
    return parse_config(json.loads(path.read_text(encoding="utf-8")))


@cache
def _cloud(region: str) -> AlibabaCloud:
    """Make the adapter once: a warm instance keeps its clients and connections."""
    from natkeeper.alibaba.cloud import AlibabaCloud
    from natkeeper.alibaba.credentials import of_invocation

    if not gc.isenabled():  # gc_off.py; import-time objects are permanent: freeze them so that the collector skips them
        gc.freeze()
        gc.enable()
    return AlibabaCloud(
        region,
        credentials=lambda: of_invocation(_CONTEXT[-1], os.environ),
        endpoint=os.environ.get("NATKEEPER_ENDPOINT") or None,
        account_id=os.environ.get("FC_ACCOUNT_ID") or getattr(_CONTEXT[-1], "account_id", None),
    )


def _without_secrets(text: str) -> str:
    """Take this invocation's credentials out of a text that may quote them."""
    from natkeeper.alibaba.credentials import NoCredentialsError, of_invocation

    try:
        return of_invocation(_CONTEXT[-1], os.environ).hide(text)
    except NoCredentialsError:
        return text


def _account(answer: Answer, run: str) -> None:
    """Write the log of a run; a receipt that has problems is written whole, however quiet it is."""
    quiet = []
    for receipt in answer.receipts:
        if receipt.outcome == "quiet" and not receipt.problems:
            quiet.append(receipt)
            continue
        bad = receipt.outcome == "attention" or receipt.problems
        _log("warning" if bad else "info", receipt.sentence, receipt=receipt.as_json())
    if quiet:
        names = ", ".join(receipt.group for receipt in quiet[:5]) + (" …" if len(quiet) > 5 else "")  # noqa: PLR2004
        _log("info", f"{len(quiet)} group(s) need nothing: {names}", run=run, signal=quiet[0].signal)
    for reason in answer.ignored:
        _log("info", f"ignored: {reason}", run=run)
    for reason in answer.unclear:
        _log("warning", f"refused: {reason}", run=run)


def _log(level: str, message: str, **more: Any) -> None:  # noqa: ANN401  whatever JSON can say
    print(json.dumps({"level": level, "message": message, **more}, ensure_ascii=False), flush=True)  # noqa: T201


def _now() -> datetime:
    return datetime.now(timezone.utc)
