"""The failover function's shell: credentials, clock, deadline, log and answer around `attend`.

Logs are JSON lines; a run ends with its receipts. Groups for which nothing was to do share one line, so a quiet
minute costs a few hundred bytes however many groups there are. What can be told in no other way is raised: then
Function Compute hands a record of the failure to the notify function (`onFailure` in s.yaml), with rights of its own.
"""

from __future__ import annotations

import gc
import json
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from natkeeper import bundle_root
from natkeeper.alibaba.clock import SteadyClock
from natkeeper.domain.config import Config, parse_config
from natkeeper.failover.envelopes import Envelopes
from natkeeper.failover.probes import Probes
from natkeeper.failover.run import TELL_AGAIN, Answer, Told, attend
from natkeeper.ports import Batch, CheckFromFunction, Failure, Performer, Result, Wait, drive

if TYPE_CHECKING:
    from natkeeper.alibaba.cloud import AlibabaCloud
    from natkeeper.receipt import Receipt

RUN_FOR = timedelta(seconds=45)
"""How long a run may go on; s.yaml gives the function 60 s, so it always ends itself."""
TELL_FOR = timedelta(seconds=8)
"""What is left after that for telling people: a run that used up its time is what they must hear of."""

SERVED_LONG_S = 3600.0
"""How old a process must be to end itself over expired credentials: a fresh one has what the platform has to give."""
EXPIRED = frozenset(
    {"InvalidSecurityToken.Expired", "InvalidSecurityToken.Malformed", "ExpiredStsToken", "InvalidStsToken"}
)
"""What the products answer when the security token's time is over (STS keys in the environment live 36 hours)."""
_ANSWER_FIRST_S = 0.3
"""Between the answer and the end of the process."""

_TOLD = Told(probes=Probes(reporting=os.environ.get("NATKEEPER_PROBES_REPORT") == "true"))
"""What outlives a run in this process. s.yaml says whether every watch of a probe is reported here (onSuccess)."""
_CLOCK = SteadyClock()
"""The time of the run under way; it is started anew with each invocation, and never steps within one."""
_BEGAN = time.time(), time.monotonic()
"""When this process began, by both clocks: a frozen instance may not count the monotonic one."""
_ENDING = threading.Event()
_CONTEXT: deque[Any] = deque([None], maxlen=1)
"""The context of the invocation under way: where an older runtime keeps the credentials."""
_RECEIVED = Envelopes()
_RAISED: deque[datetime] = deque(maxlen=1)
"""When a failure was last raised for people to hear of."""


class RunFailedError(Exception):
    """A run that could not be made, or could tell nobody what it saw. The message is for people."""


class Watched:
    """A Cloud that notices when every call is refused because the credentials have expired."""

    def __init__(self, cloud: Performer) -> None:
        self._cloud = cloud
        self._expired = self._otherwise = 0

    def perform(self, batch: Batch, deadline: datetime) -> Sequence[Result]:
        """Perform the batch, and count its answers."""
        results = self._cloud.perform(batch, deadline)
        for call, result in zip(batch, results, strict=True):
            if isinstance(call, (Wait, CheckFromFunction)):
                continue  # asks no API
            if isinstance(result, Failure) and result.code in EXPIRED:
                self._expired += 1
            else:
                self._otherwise += 1
        return results

    @property
    def expired(self) -> bool:
        """Return True if calls were made, and each was refused for expiry."""
        return self._expired > 0 and self._otherwise == 0


def handler(event: bytes, context: Any) -> str:  # noqa: ANN401  FC's context class is the runtime's own
    """Answer one invocation of the failover function with the JSON of `Answer`.

    Raises RunFailedError where a run fails, or can tell nobody of its trouble, unless a person asked: a person gets the
    answer. At most every half hour, because Function Compute repeats an invocation that fails.
    """
    if _ENDING.is_set():
        _end_process()  # thawed before its end had come
    began = _CLOCK.start()
    _CONTEXT.append(context)
    received = _RECEIVED.answer(event, began)
    if received is not None:
        return received
    run = str(getattr(context, "request_id", "") or f"run-{began:%Y%m%d%H%M%S%f}")
    try:
        config = load_config()
        deadline = began + RUN_FOR
        _TOLD.rest.itself = os.environ.get("FC_FUNCTION_NAME", "")
        attending = attend(event, config, run, _CLOCK, deadline, _TOLD)
        cloud = Watched(_cloud(config.region))
        answer = drive(attending, cloud, deadline + TELL_FOR)
    except Exception as error:  # noqa: BLE001  the outermost edge: an unforeseen fault becomes an answer, not silence
        trace = _without_secrets(traceback.format_exc(limit=-6))
        _log("error", f"the run failed: {type(error).__name__}", run=run, trace=trace)
        sentence = f"the run failed with {type(error).__name__}; its log has the trace"
        _raise_for_people(event, sentence)
        return json.dumps({"ok": False, "error": sentence})
    _account(answer, run, measured=config.metrics is not None)
    if cloud.expired and _served_for() >= SERVED_LONG_S:
        _log("error", "every call was refused because the credentials have expired: this process ends itself", run=run)
        _end_when_answered()
    if answer.untold:
        _raise_for_people(event, "; ".join(f"{each.group}: {each.sentence}" for each in answer.untold))
    return json.dumps(answer.as_json(), ensure_ascii=False)


def _raise_for_people(event: bytes, sentence: str) -> None:
    """Raise `sentence` so that Function Compute tells it; not to a person, who has the answer, nor again too soon."""
    if _is_of_a_person(event) or (_RAISED and timedelta(0) <= _CLOCK() - _RAISED[-1] < TELL_AGAIN):
        return
    _RAISED.append(_CLOCK())
    raise RunFailedError(sentence)


def _is_of_a_person(event: bytes) -> bool:
    try:
        asked = json.loads(event)
    except (ValueError, RecursionError):
        return False
    return isinstance(asked, dict) and "action" in asked


def _served_for() -> float:
    """Return how long this process has served, in seconds."""
    began_by_the_wall, began = _BEGAN
    return max(time.time() - began_by_the_wall, time.monotonic() - began)


def _end_when_answered() -> None:
    """End the process a moment from now: the next invocation then begins in a new one, which has new credentials."""
    _ENDING.set()
    timer = threading.Timer(_ANSWER_FIRST_S, _end_process)
    timer.daemon = True
    timer.start()


def _end_process() -> None:
    os._exit(1)


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
        clock=_CLOCK,
    )


def _without_secrets(text: str) -> str:
    """Take this invocation's credentials out of a text that may quote them."""
    from natkeeper.alibaba.credentials import NoCredentialsError, of_invocation

    try:
        return of_invocation(_CONTEXT[-1], os.environ).hide(text)
    except NoCredentialsError:
        return text


def _account(answer: Answer, run: str, *, measured: bool = False) -> None:
    """Write the log of a run; a receipt that has problems is written whole, however quiet it is."""
    quiet = []
    for receipt in answer.receipts:
        if measured and receipt.view is not None:
            _log_metrics(receipt)
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


def _log_metrics(receipt: Receipt) -> None:
    from natkeeper.failover.metrics import as_log

    _log("info", "metrics", metrics=as_log(receipt.as_json()))


def _log(level: str, message: str, **more: Any) -> None:  # noqa: ANN401  whatever JSON can say
    print(json.dumps({"level": level, "message": message, **more}, ensure_ascii=False), flush=True)  # noqa: T201
