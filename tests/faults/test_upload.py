"""A large file costs little more memory than itself, and none once it is stored."""

import asyncio
import base64
import os
from pathlib import Path

import psutil
import pytest

from tests.program import Process, program

MEGABYTE = 1_000_000


def peak(process: Process) -> int:
    """Return the largest resident size since `forget_peak`, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def forget_peak(process: Process) -> None:
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


@pytest.mark.alone
@pytest.mark.timeout(180)
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells a process's peak")
async def test_an_upload_of_20_mb_takes_less_than_80_mb(tmp_path: Path) -> None:
    content = base64.b64encode(os.urandom(20 * MEGABYTE)).decode()
    file = {"type": "file", "mime": "application/pdf", "url": f"data:application/pdf;base64,{content}"}
    async with program(tmp_path) as (process, server):
        session_id = await server.new_session()
        await server.ask(session_id, "hi")
        await asyncio.sleep(3)  # until what the start needed is given back
        rest = psutil.Process(process.pid).memory_info().rss
        forget_peak(process)
        parts = [{"type": "text", "text": "hi"}, file]
        response = await server.client.post(
            f"/session/{session_id}/message", json={"parts": parts}, timeout=60
        )
        assert response.status_code == 200, response.text
        assert peak(process) - rest < 80 * MEGABYTE
        for _ in range(120):
            if (more := psutil.Process(process.pid).memory_info().rss - rest) < 30 * MEGABYTE:
                return
            await asyncio.sleep(0.5)
        pytest.fail(f"a minute later it still had {more:,} bytes more")
