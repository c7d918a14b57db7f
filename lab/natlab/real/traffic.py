"""What does a host notice?  Opens a new connection every 50 ms and keeps busy, idle and UDP flows, and tells of it.

A program of its own, started inside the namespace it measures from: nothing but the standard library, its order in
its first argument as JSON (see natlab.real.measurement.Order). It prints JSON lines, all times by this machine's
clock, and on the end of its input closes every flow, prints what became of each, and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from typing import Any

_GAP_WORTH_TELLING_S = 0.25
_LAST_WORD_S = 5.0
"""How long an idle flow waits for the answer to its last question."""
_UDP_TIME_TO_ANSWER_S = 1.0


def tell(what: str, **details: Any) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps({"what": what, **details}) + "\n")
    sys.stdout.flush()


class LastingFlow:
    """One lasting flow: when it was last heard of, its longest silence, and how it ended."""

    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self.number = number
        self.opened = 0.0
        self.heard = 0.0
        self.longest = 0.0
        self.ended = 0.0
        self.error = ""
        self.asked = 0
        self.answered = 0

    def open(self) -> None:
        self.opened = self.heard = time.time()

    def hear(self, *, silent: bool = False) -> None:
        """An answer came; a silence before it counts where there were questions."""
        now = time.time()
        gap = now - self.heard
        if not silent and gap > self.longest:
            self.longest = gap
        if not silent and gap > _GAP_WORTH_TELLING_S:
            tell("gap", kind=self.kind, number=self.number, began=self.heard, ended=now)
        self.heard = now
        self.answered += 1

    def end(self, error: BaseException | str) -> None:
        if not self.ended:
            self.ended = time.time()
            self.error = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
            tell("end", kind=self.kind, number=self.number, at=self.ended, error=self.error, heard=self.heard)

    def account(self) -> None:
        """Say what became of it."""
        tell(
            "flow", kind=self.kind, number=self.number, opened=self.opened, heard=self.heard, ended=self.ended,
            error=self.error, longest_gap_s=round(self.longest, 4), asked=self.asked, answered=self.answered,
            survived=bool(self.opened) and not self.error,
        )  # fmt: skip


class HostTraffic:
    """Everything one host does."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.stopping = asyncio.Event()
        self.flows: list[LastingFlow] = []

    async def run(self) -> None:
        """Open the flows, say so, measure until the end of input, then account for all."""
        order = self.order
        kinds = {"busy": self._busy, "idle": self._idle, "udp": self._udp}
        opened = asyncio.Semaphore(0)
        lasting = []
        for kind, play in kinds.items():
            for number in range(order[kind]):
                flow = LastingFlow(kind, number)
                self.flows.append(flow)
                lasting.append(asyncio.create_task(self._guard(flow, play, opened)))
        for _ in lasting:
            await opened.acquire()
        tell("ready", at=time.time())
        trying = asyncio.create_task(self._keep_trying()) if order["connect"] else None
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
        self.stopping.set()
        if trying:
            await trying
        await asyncio.gather(*lasting)
        for flow in self.flows:
            flow.account()
        tell("over", at=time.time())

    async def _guard(self, flow: LastingFlow, play: Any, opened: asyncio.Semaphore) -> None:
        try:
            await play(flow, opened)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
            flow.end(error)
        finally:
            opened.release()

    # ── new connections ─────────────────────────────────────────────────────────────────────────────────────
    async def _keep_trying(self) -> None:
        pending: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while not self.stopping.is_set():
            task = asyncio.create_task(self._try())
            pending.add(task)
            task.add_done_callback(pending.discard)
            due = max(due + self.order["every_s"], time.monotonic() - self.order["every_s"])
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), max(0.0, due - time.monotonic()))
        if pending:
            await asyncio.wait(pending)

    async def _try(self) -> None:
        began = time.time()
        try:
            seen = await asyncio.wait_for(self._ask(*self.order["connect"]), self.order["patience_s"])
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            tell("try", began=began, ended=time.time(), error=type(error).__name__, seen="")
            return
        tell("try", began=began, ended=time.time(), error="", seen=seen)

    @staticmethod
    async def _ask(host: str, port: int) -> str:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            return (await reader.read(64)).decode("ascii", "replace")
        finally:
            writer.close()

    # ── flows that last ─────────────────────────────────────────────────────────────────────────────────────
    async def _busy(self, flow: LastingFlow, opened: asyncio.Semaphore) -> None:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(*self.order["echo"]), _LAST_WORD_S)
        flow.open()
        opened.release()
        listening = asyncio.create_task(self._listen(flow, reader))
        try:
            while not self.stopping.is_set() and not listening.done():
                writer.write(b"%08d" % flow.asked)
                flow.asked += 1
                await asyncio.wait([listening], timeout=self.order["pause_s"])
            if not listening.done():
                await asyncio.wait([listening], timeout=_LAST_WORD_S if flow.answered < flow.asked else 0)
            if listening.done():
                await listening
                flow.end("closed by the other side")
            elif flow.answered < flow.asked:
                flow.end(f"no answer for {time.time() - flow.heard:.1f} s")
        finally:
            listening.cancel()
            writer.close()

    async def _listen(self, flow: LastingFlow, reader: asyncio.StreamReader) -> None:
        while await reader.readexactly(8):
            flow.hear()
            if self.stopping.is_set() and flow.answered == flow.asked:
                await asyncio.Event().wait()

    async def _idle(self, flow: LastingFlow, opened: asyncio.Semaphore) -> None:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(*self.order["echo"]), _LAST_WORD_S)
        try:
            await self._question(flow, reader, writer)
            flow.open()
            opened.release()
            await self.stopping.wait()
            asked = time.time()
            await self._question(flow, reader, writer)
            flow.longest = time.time() - asked
        finally:
            writer.close()

    @staticmethod
    async def _question(flow: LastingFlow, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flow.asked += 1
        writer.write(b"%08d" % flow.asked)
        await asyncio.wait_for(reader.readexactly(8), _LAST_WORD_S)
        flow.hear(silent=True)

    async def _udp(self, flow: LastingFlow, opened: asyncio.Semaphore) -> None:
        loop = asyncio.get_running_loop()
        host, port = self.order["echo"]
        transport, _ = await loop.create_datagram_endpoint(lambda: _Answers(flow), remote_addr=(host, port))
        try:
            flow.open()
            opened.release()
            while not self.stopping.is_set():
                transport.sendto(b"%08d" % flow.asked)
                flow.asked += 1
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), self.order["pause_s"])
            await asyncio.sleep(min(_UDP_TIME_TO_ANSWER_S, 4 * self.order["pause_s"]))
            silence = time.time() - flow.heard
            if silence > _UDP_TIME_TO_ANSWER_S + self.order["pause_s"] or not flow.answered:
                flow.end(f"no answer for {silence:.1f} s")
        finally:
            transport.close()


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, flow: LastingFlow) -> None:
        self._flow = flow

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._flow.hear()

    def error_received(self, exc: Exception) -> None:
        """A refusal on the way is as good as silence: the next datagram may get through."""


async def _main() -> None:
    await HostTraffic(json.loads(sys.argv[1])).run()


if __name__ == "__main__":
    asyncio.run(_main())
