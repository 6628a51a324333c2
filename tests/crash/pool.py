"""Workers that run the harness's tasks side by side, and what they answer."""

import subprocess
import sys
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import Self

import msgspec

from tests.crash.cells import Result, Task, run
from tests.crash.oracle import Found

WORKERS = 3  # most of a task is waiting for the disk


class Pool:
    """A few worker processes, each with everything imported."""

    def __init__(self, workers: int = WORKERS) -> None:
        self._threads = ThreadPoolExecutor(workers)
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._all = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.crash.pool"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for _ in range(workers)
        ]
        for worker in self._all:
            self._idle.put(worker)

    def submit(self, task: Task) -> Future[Result]:
        return self._threads.submit(self._run, task)

    def _run(self, task: Task) -> Result:
        worker = self._idle.get()
        try:
            assert worker.stdin is not None, "it is a pipe"
            assert worker.stdout is not None, "it is a pipe"
            worker.stdin.write(msgspec.json.encode(task) + b"\n")
            worker.stdin.flush()
            return msgspec.json.decode(worker.stdout.readline(), type=Result)
        finally:
            self._idle.put(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        for worker in self._all:
            worker.communicate()


def work() -> None:
    """Be a worker: a task a line in, a result a line out."""
    for line in sys.stdin.buffer:
        try:
            result = run(msgspec.json.decode(line, type=Task))
        except Exception:  # noqa: BLE001 - one task's failure is not the next one's
            result = Result(found=[Found("harness", traceback.format_exc())])
        sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    work()
