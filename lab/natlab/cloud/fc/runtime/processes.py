"""Function instances as separate operating system processes.

A cold start unpacks the code once per version, starts a clean Python with bootstrap.py and lets it import the
handler; then the process serves one request at a time until it is idle too long, times out or is killed.
Each instance has one thread here, which unpacks, talks to its process over pipes and enforces the timeout by
killing.  Memory is measured and reported, not limited.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from natlab.cloud.fc.runtime.environment import instance_environment, instance_settings
from natlab.cloud.fc.runtime.instances import Done, FunctionInstance, InstanceSpec, InvocationJob, JobOutcome, timed_out

_BOOTSTRAP: Final = Path(__file__).with_name("bootstrap.py")
_PREFIX: Final = "natlab-fc-"
GUESTS: Final = "natlab-guests-"
"""How directories of simulated machines begin; the id of their process follows."""
_LOG_LIMIT: Final = 1 << 20
"""Bytes of output kept per request."""
_INITIALIZATION_S: Final = 60.0
"""How long importing a handler may take; FC counts it neither as handler nor as initializer time."""


class ProcessRuntime:
    """Starts processes.  `interpreters` maps runtime names such as python3.10 to executables; default: ours.

    `shared` is a directory where several clouds, one after the other or side by side, unpack the same code once; who
    names it removes it.
    """

    def __init__(self, interpreters: Mapping[str, str] | None = None, shared: Path | None = None) -> None:
        self._interpreters = dict(interpreters or {})
        self._shared = shared
        self._lock = threading.Lock()
        self._directory: Path | None = None
        self._instances: set[ProcessInstance] = set()

    def start(self, spec: InstanceSpec) -> FunctionInstance:
        python = self._interpreters.get(spec.function.runtime, sys.executable)
        instance = ProcessInstance(spec, python, self._places)
        with self._lock:
            self._instances = {each for each in self._instances if each.alive}
            self._instances.add(instance)
        return instance

    def close(self) -> None:
        with self._lock:
            instances, self._instances = self._instances, set()
            directory, self._directory = self._directory, None
        for instance in instances:
            instance.kill()
        for instance in instances:
            instance.join()
        if directory is not None:
            _remove(directory)

    def _places(self, spec: InstanceSpec) -> tuple[Path, Path]:
        """Where the unpacked code of an instance is, and where its scratch directory may be."""
        with self._lock:
            if self._directory is None:
                remove_leftovers()
                self._directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
            code = (self._shared or self._directory) / f"code-{spec.function.code.checksum}"
            if not code.exists():
                unpack(spec.function.code.archive, code)
            return code, self._directory / spec.instance_id


def remove_leftovers() -> None:
    """Remove what local clouds unpacked that were killed before they could do it themselves."""
    for prefix in (_PREFIX, GUESTS):
        for directory in Path(tempfile.gettempdir()).glob(f"{prefix}*-*"):
            pid = directory.name.removeprefix(prefix).partition("-")[0]
            if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
                _remove(directory)


def unpack(archive: bytes, directory: Path) -> None:
    """Unpack a code package and make it read-only, as /code is on FC; another one's work is as good as ours.

    Raises zipfile.BadZipFile.
    """
    unfinished = Path(tempfile.mkdtemp(dir=directory.parent, prefix=".unfinished-"))
    with zipfile.ZipFile(io.BytesIO(archive)) as package:
        for entry in package.infolist():
            path = package.extract(entry, str(unfinished))
            mode = (entry.external_attr >> 16) & 0o111
            os.chmod(path, 0o755 if entry.is_dir() else 0o444 | mode)  # noqa: PTH101  2,000 of them, at each cold start
    for folder, _, _ in os.walk(unfinished):
        Path(folder).chmod(0o555)
    try:
        unfinished.rename(directory)
    except OSError:
        _remove(unfinished)
        if not directory.is_dir():
            raise


@dataclass(slots=True)
class _Gone(Exception):
    """The process ended, or was ended, before it answered."""

    timed_out: bool = False


@dataclass(slots=True)
class _Pipes:
    """Our ends of the pipes to one process."""

    requests: int
    answers: int
    log: int
    lifeline: int
    buffer: bytearray = field(default_factory=bytearray)

    def close(self) -> None:
        for descriptor in (self.requests, self.answers, self.log, self.lifeline):
            os.close(descriptor)


class ProcessInstance:
    """One process and the thread that talks to it."""

    def __init__(self, spec: InstanceSpec, python: str, places: Callable[[InstanceSpec], tuple[Path, Path]]) -> None:
        self._spec = spec
        self._python = python
        self._places = places
        self._scratch: Path | None = None
        self._jobs: queue.SimpleQueue[tuple[InvocationJob, Done] | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipes: _Pipes | None = None
        self._log = bytearray()
        self._killed = threading.Event()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=f"natlab-{spec.instance_id}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def invoke(self, job: InvocationJob, done: Done) -> None:
        self._jobs.put((job, done))

    def stop(self) -> None:
        self._jobs.put(None)

    def kill(self) -> None:
        self._killed.set()
        self._signal()
        self._jobs.put(None)

    def join(self) -> None:
        self._thread.join(timeout=5.0)

    def _work(self) -> None:
        try:
            while (item := self._jobs.get()) is not None:
                job, done = item
                outcome = self._serve(job)
                done(outcome)
                if outcome.ended:
                    return
            self._run_pre_stop()
        finally:
            self._end()

    def _serve(self, job: InvocationJob) -> JobOutcome:
        self._log.clear()
        began = time.monotonic()
        cold = 0.0
        try:
            pipes = self._pipes
            if pipes is None:
                pipes = self._start()
                initializer = self._spec.function.initializer
                allowed = _INITIALIZATION_S + (initializer.timeout_s if initializer else 0.0)
                answer, body = self._exchange(pipes, job, "start", b"", allowed)
                cold = time.monotonic() - began
                began = time.monotonic()
                if answer["kind"] == "error":
                    return self._outcome(body, began, answer["error_type"], ended=True, cold=cold)
            answer, body = self._exchange(pipes, job, "request", job.event, job.timeout_s)
            return self._outcome(body, began, answer.get("error_type", ""), cold=cold)
        except _Gone as gone:
            return self._gone(gone, job, began, cold)
        except OSError as error:
            body = json.dumps({"errorMessage": f"The instance could not be started: {error}"}).encode()
            return self._outcome(body, began, "FunctionInitializationError", ended=True, cold=cold)

    def _gone(self, gone: _Gone, job: InvocationJob, began: float, cold: float) -> JobOutcome:
        if gone.timed_out:
            return self._outcome(timed_out(job.timeout_s), began, "InvocationTimeout", ended=True, cold=cold)
        taken_ms = (time.monotonic() - began) * 1000
        message = f"Process exited unexpectedly before completing request (duration: {taken_ms:.0f}ms)"
        body = json.dumps({"errorMessage": message}).encode()
        return self._outcome(body, began, "UnhandledInvocationError", ended=True, cold=cold)

    def _outcome(self, body: bytes, began: float, error_type: str, *, ended: bool = False, cold: float) -> JobOutcome:
        memory = self._memory_mb()
        if ended:
            self._signal()
        return JobOutcome(body, error_type, bytes(self._log), ended, cold, time.monotonic() - began, memory)

    def _start(self) -> _Pipes:
        """Unpack and start. Raises _Gone when killed meanwhile, OSError when it cannot be started."""
        code, self._scratch = self._places(self._spec)
        self._scratch.mkdir()
        environment = instance_environment(self._spec, code, self._scratch)
        environment["NATLAB_INSTANCE"] = json.dumps(instance_settings(self._spec))
        (request_read, request_write), (answer_read, answer_write) = os.pipe(), os.pipe()
        (log_read, log_write), (life_read, life_write) = os.pipe(), os.pipe()
        for descriptor in (request_write, answer_read, log_read):
            os.set_blocking(descriptor, False)
        self._pipes = _Pipes(request_write, answer_read, log_read, life_write)
        theirs = (request_read, answer_write, life_read)
        try:
            self._spawn(theirs, log_write, code, environment)
        finally:
            for descriptor in (*theirs, log_write):
                os.close(descriptor)
        return self._pipes

    def _spawn(self, theirs: tuple[int, ...], output: int, code: Path, environment: dict[str, str]) -> None:
        flags = ("-I", "-S", "-B", "-u", "-X", "utf8")
        with self._guard:
            if self._killed.is_set():
                raise _Gone
            self._process = subprocess.Popen(
                [self._python, *flags, str(_BOOTSTRAP), *map(str, theirs)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=theirs,
                env=environment,
                cwd=code,
                start_new_session=True,
            )

    def _exchange(
        self, pipes: _Pipes, job: InvocationJob, kind: str, body: bytes, timeout_s: float
    ) -> tuple[dict[str, Any], bytes]:
        header = {
            "kind": kind,
            "length": len(body),
            "request_id": job.request_id,
            "credentials": dict(job.credentials),
        }
        deadline = time.monotonic() + timeout_s
        self._send(pipes, json.dumps(header).encode() + b"\n" + body, deadline)
        while (frame := _frame(pipes.buffer)) is None:
            self._read(pipes, deadline)
        self._drain_log(pipes)
        return frame

    def _send(self, pipes: _Pipes, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(pipes.requests, view) :]
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _Gone(timed_out=True) from None
                self._drain_log(pipes)
                select.select([pipes.log], [pipes.requests], [], 0.1)
            except BrokenPipeError:
                self._drain_log(pipes)
                raise _Gone from None

    def _read(self, pipes: _Pipes, deadline: float) -> None:
        """Take what the process wrote; _Gone when it ended or its time is over."""
        poll = select.poll()
        poll.register(pipes.answers, select.POLLIN)
        poll.register(pipes.log, select.POLLIN)
        left = deadline - time.monotonic()
        ready = poll.poll(max(0.0, left * 1000.0)) if left > 0 else []
        if not ready:
            self._signal()
            self._drain_log(pipes)
            raise _Gone(timed_out=True)
        for descriptor, _ in ready:
            if descriptor == pipes.log:
                self._drain_log(pipes)
                continue
            with contextlib.suppress(BlockingIOError):
                data = os.read(pipes.answers, 1 << 16)
                if not data:
                    self._drain_log(pipes)
                    raise _Gone
                pipes.buffer += data

    def _drain_log(self, pipes: _Pipes) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(pipes.log, 1 << 16):
                self._log += data[: max(0, _LOG_LIMIT - len(self._log))]

    def _run_pre_stop(self) -> None:
        pipes, hook = self._pipes, self._spec.function.pre_stop
        if pipes is None or hook is None or self._killed.is_set():
            return
        with contextlib.suppress(OSError):
            os.write(pipes.requests, b'{"kind": "stop", "length": 0}\n')
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=hook.timeout_s)

    def _signal(self) -> None:
        """Kill the process and everything it started."""
        with self._guard:
            if self._process is not None and self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _end(self) -> None:
        self._killed.set()
        self._signal()
        if self._process is not None:
            self._process.wait()
        if self._pipes is not None:
            self._pipes.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _memory_mb(self) -> float:
        """The most memory the process ever held (VmHWM), 0.0 when it is gone."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024
        return 0.0


def _frame(buffer: bytearray) -> tuple[dict[str, Any], bytes] | None:
    """Take one frame off the buffer if it is complete."""
    end = buffer.find(b"\n")
    if end < 0:
        return None
    header: dict[str, Any] = json.loads(buffer[:end])
    total = end + 1 + int(header["length"])
    if len(buffer) < total:
        return None
    body = bytes(buffer[end + 1 : total])
    del buffer[:total]
    return header, body


def _remove(directory: Path) -> None:
    """Remove a tree that has read-only directories in it."""
    for folder, _, _ in os.walk(directory):
        with contextlib.suppress(OSError):
            Path(folder).chmod(0o755)
    shutil.rmtree(directory, ignore_errors=True)
