"""What runs inside a function instance: loads the handler, calls it once per request, reports what it did.

One file, standard library only, imports as little as it can: its start is part of every cold start.
Frames in both directions are one line of JSON with a `length`, then that many bytes.  The instance ends when
its lifeline (a pipe nobody writes to) closes, so it never outlives the local cloud.
Context as FC's own Python runtime builds it: python3.12 carries no credentials, earlier ones do.
"""

from __future__ import annotations

import _thread
import importlib
import json
import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

_SHOWN_CODE_PATH = "/code"
"""Where code lies on FC, so that a stack trace reads the same here."""
_IMPORT_SYSTEM = (importlib.__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")


class Attributes:
    """Attributes of a context."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class HandlerContext(Attributes):
    """The second argument of a handler."""

    @property
    def logger(self) -> Any:
        import logging

        return logging.getLogger()


class AfterImport:
    """Calls back once other code has imported a standard module, instead of importing it up front."""

    def __init__(self, name: str, action: Callable[[Any], None]) -> None:
        self.name = name
        self.action = action

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_tell(module: Any) -> None:
            execute(module)
            self.action(module)

        spec.loader.exec_module = execute_and_tell  # type: ignore[method-assign]
        return spec


def after_import(name: str, action: Callable[[Any], None]) -> None:
    """Do something with a module now if it is there, else when it is."""
    if name in sys.modules:
        action(sys.modules[name])
    else:
        sys.meta_path.insert(0, AfterImport(name, action))


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """One frame, None at the end of the stream."""
    line = stream.readline()
    if not line:
        return None
    header: dict[str, Any] = json.loads(line)
    return header, stream.read(header["length"])


class InstanceProcess:
    """One process of one function: it serves one request at a time."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO, settings: dict[str, Any]) -> None:
        self.requests = requests
        self.answers = answers
        self.settings = settings
        self.request_id = ""

    def serve(self) -> None:
        handler = self._prepare()
        while (frame := receive(self.requests)) is not None:
            header, event = frame
            if header["kind"] == "stop":
                self._stop()
                return
            self._take_credentials(header)
            try:
                self._answer("result", _as_bytes(handler(event, self._context(header))))
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is the answer
                self._answer_error("UnhandledInvocationError", error)

    def _prepare(self) -> Callable[[bytes, HandlerContext], object]:
        """Import the handler and run the initializer; a failure becomes the answer to the first request."""
        first = receive(self.requests)
        if first is None or first[0]["kind"] != "start":
            raise SystemExit(0)
        self._take_credentials(first[0])
        try:
            handler = _load(self.settings["handler"])
            if self.settings["initializer"]:
                _load(self.settings["initializer"])(self._context(first[0]))
        except Exception as error:  # noqa: BLE001 - whatever an import raises is the answer
            self._answer_error("FunctionInitializationError", error)
            raise SystemExit(1) from None
        self._answer("ready", b"")
        return handler

    def _stop(self) -> None:
        if self.settings["pre_stop"]:
            try:
                _load(self.settings["pre_stop"])(self._context({}))
            except Exception as error:  # noqa: BLE001 - the instance ends either way
                self._answer_error("PreStopError", error)

    def _take_credentials(self, header: dict[str, Any]) -> None:
        self.request_id = header.get("request_id", "")
        os.environ.update(header.get("credentials", {}))

    def _context(self, header: dict[str, Any]) -> HandlerContext:
        settings = self.settings
        context = HandlerContext(
            request_id=self.request_id,
            requestId=self.request_id,
            region=settings["region"],
            account_id=settings["account_id"],
            function=Attributes(
                name=settings["name"],
                handler=settings["handler"],
                memory=settings["memory"],
                timeout=settings["timeout"],
            ),
        )
        if settings["service"]:
            context.__dict__["service"] = Attributes(name=settings["service"], qualifier="LATEST")
        if settings["context_credentials"]:
            keys = header.get("credentials", {})
            context.__dict__["credentials"] = Attributes(
                access_key_id=keys.get("ALIBABA_CLOUD_ACCESS_KEY_ID", ""),
                access_key_secret=keys.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ""),
                security_token=keys.get("ALIBABA_CLOUD_SECURITY_TOKEN", ""),
            )
        return context

    def _answer(self, kind: str, body: bytes, **more: Any) -> None:
        _flush()
        header = {"kind": kind, "length": len(body), **more}
        self.answers.write(json.dumps(header).encode() + b"\n" + body)
        self.answers.flush()

    def _answer_error(self, error_type: str, error: Exception) -> None:
        import traceback

        code = os.environ.get("FC_FUNCTION_CODE_PATH", "")
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename in (__file__, *_IMPORT_SYSTEM):
            trace = trace.tb_next  # a person wants to see their code, not ours
        frames = [
            [f'File "{_shown(frame.filename, code)}"', f"line {frame.lineno}", f"in {frame.name}", frame.line or ""]
            for frame in traceback.extract_tb(trace)
        ]
        text = "".join(traceback.format_exception(type(error), error, trace))
        sys.stderr.write(text.replace(code, _SHOWN_CODE_PATH) if code else text)
        body = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": frames}
        self._answer("error", json.dumps(body).encode(), error_type=error_type)


def _shown(filename: str, code: str) -> str:
    return _SHOWN_CODE_PATH + filename[len(code) :] if code and filename.startswith(code) else filename


def _load(dotted: str) -> Callable[..., object]:
    module, _, name = dotted.rpartition(".")
    found: Callable[..., object] = getattr(importlib.import_module(module.replace("/", ".")), name)
    return found


def _as_bytes(result: object) -> bytes:
    if isinstance(result, bytes):
        return result
    if isinstance(result, str):
        return result.encode()
    return json.dumps(result).encode()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def _log_as_fc_does(instance: InstanceProcess) -> Callable[[Any], None]:
    def install(logging: Any) -> None:
        class LogHandler(logging.StreamHandler):  # type: ignore[misc]
            def format(self, record: Any) -> str:
                record.fc_request_id = instance.request_id
                return str(super().format(record))

        handler = LogHandler(sys.stdout)
        layout = "%(asctime)s.%(msecs)03dZ %(fc_request_id)s [%(levelname)s] %(message)s"
        formatter = logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S")
        import time

        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
        logging.root.addHandler(handler)
        logging.root.setLevel(logging.INFO)

    return install


def _end_with_lifeline(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(1)


def main() -> None:
    """Serve until the local cloud has no more requests."""
    request_fd, answer_fd, lifeline = (int(text) for text in sys.argv[1:4])
    for descriptor in (request_fd, answer_fd, lifeline):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the function takes it by position only
    settings: dict[str, Any] = json.loads(os.environ.pop("NATLAB_INSTANCE"))
    _thread.start_new_thread(_end_with_lifeline, (lifeline,))
    code = os.environ["FC_FUNCTION_CODE_PATH"]
    extra = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[0:0] = [code, *extra]
    sys.argv = [sys.argv[0]]
    sys.dont_write_bytecode = True
    with os.fdopen(request_fd, "rb") as requests, os.fdopen(answer_fd, "wb") as answers:
        instance = InstanceProcess(requests, answers, settings)
        after_import("logging", _log_as_fc_does(instance))
        tunnel = os.environ.get("NATLAB_TUNNEL", "")
        if tunnel:
            sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120 - pathlib would cost 5 ms
            from tunnel import TunnelClient  # type: ignore[import-not-found]

            sys.path.pop(0)
            del sys.modules["tunnel"]  # a bundle may have a module of that name
            after_import("socket", TunnelClient(tunnel, settings["egress"]).install)
        instance.serve()


if __name__ == "__main__":
    main()
