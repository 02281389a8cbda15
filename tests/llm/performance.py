"""An answer on its way out: its pace, its gate and its fault."""

import asyncio

from .answer import Answer, Fault
from .wires import Wire


class Performance:
    """Sends one Answer over a connection."""

    def __init__(
        self,
        answer: Answer,
        wire: type[Wire],
        model: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._answer = answer
        self._wire = wire
        self._model = model
        self._reader = reader
        self._writer = writer

    async def run(self) -> bool:
        """Send it all; return whether the connection goes on."""
        answer = self._answer
        moment, fault = answer.fault or (None, None)
        frames = list(self._wire.frames(answer, self._model))
        deltas = [
            number for number, frame in enumerate(frames) if frame.kind in ("reasoning", "text", "tool")
        ]
        if moment == "start":
            return await self._fail(fault)
        for number, frame in enumerate(frames):
            if moment == "end" and frame.kind == "end":
                return await self._fail(fault)
            if answer.gate is not None and deltas and number == deltas[-1]:
                await answer.gate.wait()
            await self._write(frame.data)
            while answer.endless and deltas and number == deltas[-1]:
                await self._write(frame.data)
                await asyncio.sleep(answer.pace)
            if frame.kind and frame.kind == moment:
                return await self._fail(fault)
            if answer.pace and frame.kind:
                await asyncio.sleep(answer.pace)
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
        return True

    async def _write(self, data: bytes) -> None:
        parts = (data[: len(data) // 2], data[len(data) // 2 :]) if self._answer.halves else (data,)
        for part in parts:
            self._writer.write(chunked(part))
            await self._writer.drain()
            if len(parts) > 1:
                await asyncio.sleep(0)
        if self._writer.transport.is_closing():
            raise ConnectionResetError

    async def _fail(self, fault: Fault | None) -> bool:
        if fault == "hang":
            await gone(self._reader)
        if fault == "drop":
            return False
        if fault == "error":
            await self._write(self._wire.error_frame())
        if fault == "garbage":
            await self._write(b"data: {not json\xff\n\n")
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
        return True


def chunked(data: bytes) -> bytes:
    """Return data as one chunk of an HTTP body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def gone(reader: asyncio.StreamReader) -> None:
    """Wait until the client leaves; raises ConnectionResetError then."""
    await reader.read()
    raise ConnectionResetError
