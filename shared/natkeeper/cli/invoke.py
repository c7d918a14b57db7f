"""How does a person's request reach natkeeper?  By the deployed function (FC 3.0, or 2.0), or by the same loop here.

The function runs one request at a time, so a request of a person may be told that a run is under way (throttled):
that is waited for, and said. The answer is the function's own JSON in every case.
"""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from natkeeper.cli.errors import CommandError, Unreached, Wrong, trouble_of
from natkeeper.ports import Failure, FailureKind

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients
    from natkeeper.domain.config import Config

Json = dict[str, Any]
Say = Callable[[str], None]

RUN_S = 75.0
"""How long one run may take to answer: its own 45 s, telling people, a cold start."""
BUSY_FOR_S = 120.0
"""How long to wait for another run to end; it has to end within a minute."""
AGAIN_S = 1.0
_ERROR_TYPE = "x-fc-error-type"
_LONGEST = 400


class Invoker(Protocol):
    """One way to ask; `name` is for messages."""

    @property
    def name(self) -> str: ...

    def once(self, payload: bytes) -> tuple[bytes, str]:
        """Ask once; returns what was answered, and the kind of error when the function itself failed.

        Raises what its SDK raises.
        """
        ...

    def failure(self, error: Exception) -> Failure:
        """Classify what `once` raised."""
        ...


@dataclass
class Fc3Invoker:
    """A function of FC 3.0."""

    reach: RegionClients
    function: str

    @property
    def name(self) -> str:
        """Name it for messages."""
        return f"function {self.function}"

    def once(self, payload: bytes) -> tuple[bytes, str]:
        """InvokeFunction, synchronously."""
        from natkeeper.alibaba.clients import Attempt
        from natkeeper.alibaba.lean_imports import lean

        with lean("alibabacloud_fc20230330"):
            from alibabacloud_fc20230330 import models
            from alibabacloud_fc20230330.client import Client

        attempt = Attempt(self.reach.clients, lambda: RUN_S)
        answer = attempt.clients.client(Client).invoke_function_with_options(
            self.function,
            models.InvokeFunctionRequest(body=io.BytesIO(payload)),
            models.InvokeFunctionHeaders(x_fc_invocation_type="Sync"),
            attempt.options(RUN_S),
        )
        body: Any = answer.body
        return (body.read() if body is not None else b""), (answer.headers or {}).get(_ERROR_TYPE, "")

    def failure(self, error: Exception) -> Failure:
        """Classify it as every other call."""
        return self.reach.classify(error)


@dataclass
class Fc2Invoker:
    """A function of a service of FC 2.0, by the SDK of that generation."""

    reach: RegionClients
    service: str
    function: str

    @property
    def name(self) -> str:
        """Name it for messages."""
        return f"function {self.service}/{self.function} of FC 2.0"

    def once(self, payload: bytes) -> tuple[bytes, str]:
        """Invoke it synchronously."""
        import fc2

        keys = self.reach.credentials()
        client = fc2.Client(
            endpoint=self.reach.endpoint or f"https://{self.reach.account()}.{self.reach.region}.fc.aliyuncs.com",
            accessKeyID=keys.access_key_id,
            accessKeySecret=keys.access_key_secret,
            securityToken=keys.security_token,
            Timeout=RUN_S,
        )
        answer = client.invoke_function(
            self.service, self.function, payload=payload, headers={"x-fc-invocation-type": "Sync"}
        )
        return answer.data, ""

    def failure(self, error: Exception) -> Failure:
        """Read FC 2.0's own error class; the rest is classified as every other call."""
        from natkeeper.alibaba.errors import kind_of

        code, status = getattr(error, "err_code", None), getattr(error, "status_code", None)
        if isinstance(code, str) and isinstance(status, int):
            message = self.reach.credentials().hide(_said(str(getattr(error, "message", ""))))
            return Failure(kind_of(code, status), message, code, str(getattr(error, "request_id", "") or ""))
        if type(error).__module__.startswith("requests"):
            host = urlsplit(self.reach.endpoint or "").netloc or "Function Compute"
            return Failure(FailureKind.UNREACHABLE, f"{host}: no connection ({type(error).__name__})")
        return self.reach.classify(error)


def _said(message: str) -> str:
    """Return the sentence in an error of FC 2.0, whose SDK gives the whole body of the answer for it."""
    try:
        body = json.loads(message)
    except ValueError:
        return message
    return str(body.get("ErrorMessage") or message) if isinstance(body, dict) else message


@dataclass
class LocalInvoker:
    """The same loop in this process, with the operator's own credentials."""

    reach: RegionClients
    config: Config

    @property
    def name(self) -> str:
        """Name it for messages."""
        return "natkeeper here"

    def once(self, payload: bytes) -> tuple[bytes, str]:
        """Attend to the request as the function would."""
        from natkeeper.alibaba.cloud import AlibabaCloud
        from natkeeper.failover.handler import RUN_FOR, TELL_FOR
        from natkeeper.failover.run import Told, attend
        from natkeeper.ports import drive

        reach = self.reach
        reach.credentials()  # having none ends the command here, and not as a failure of every call
        cloud = AlibabaCloud(reach.region, reach.credentials, reach.endpoint, clock=reach.clock, sleeper=reach.sleeper)
        deadline = reach.clock() + RUN_FOR
        run = f"direct-{uuid.uuid4()}"
        answer = drive(attend(payload, self.config, run, reach.clock, deadline, Told()), cloud, deadline + TELL_FOR)
        return json.dumps(answer.as_json()).encode(), ""

    def failure(self, error: Exception) -> Failure:
        """Classify it as every other call."""
        return self.reach.classify(error)


@dataclass
class Asker:
    """Asks by one way, as long as it takes. `learn` is given every answer; `sleeper` takes seconds."""

    way: Invoker
    say: Say
    learn: Callable[[Json], None] = lambda _: None
    sleeper: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def ask(self, request: Mapping[str, Any]) -> Json:
        """Return natkeeper's answer. Raise CommandError if there is none, or if natkeeper understood nothing."""
        payload = json.dumps(request, ensure_ascii=False).encode()
        until = self.monotonic() + BUSY_FOR_S
        said = False
        while True:
            try:
                body, error = self.way.once(payload)
            except CommandError:
                raise
            except Exception as raised:
                failure = self.way.failure(raised)
                if failure.kind is not FailureKind.THROTTLED:
                    raise self._unanswered(failure) from raised
                if self.monotonic() >= until:
                    raise Unreached(
                        f"{self.way.name} was busy for {BUSY_FOR_S:g} s", "its log tells what it does for so long"
                    ) from raised
                if not said:
                    self.say("a run is under way, and natkeeper does one thing at a time: waiting for it")
                    said = True
                self.sleeper(AGAIN_S)
                continue
            answer = self._read(body, error)
            self.learn(answer)
            return answer

    def _unanswered(self, failure: Failure) -> CommandError:
        if failure.kind is FailureKind.GONE:
            return Unreached(
                f"there is no {self.way.name}: {failure}",
                "deploy it with `s deploy`, name another with --function or --fc2, or act from here with --direct",
            )
        return trouble_of(failure, f"asking {self.way.name}")

    def _read(self, body: bytes, error: str) -> Json:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if error or not isinstance(answer, dict):
            said = answer.get("errorMessage") if isinstance(answer, dict) else body.decode("utf-8", "replace")
            raise CommandError(
                f"{self.way.name} failed{f' ({error})' if error else ''}: {str(said)[:_LONGEST]}",
                "its log in Simple Log Service has the trace; --direct does the same from here",
            )
        if "receipts" not in answer and "error" in answer:
            raise CommandError(f"{self.way.name}: {answer['error']}", "--direct does the same from here")
        if answer.get("error"):
            raise Wrong(str(answer["error"]))
        return answer
