"""A wire between browser and engine that a test can cut and mend.

Cut, it drops what is connected and takes nothing new; the engine itself notices only
that its client has left. Threads, because Playwright's own loop owns the main one.
"""

import contextlib
import selectors
import socket
import threading

CHUNK_BYTES = 65_536
TICK_SECONDS = 0.05


class Wire:
    """Forwards connections on a port of its own to the engine's."""

    def __init__(self, engine_port: int, port: int) -> None:
        self._engine_port = engine_port
        self.port = port
        self._whole = threading.Event()
        self._ended = threading.Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(TICK_SECONDS)
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """Drop every connection and take no new one."""
        self._whole.clear()

    def mend(self) -> None:
        """Take connections again."""
        self._whole.set()

    def close(self) -> None:
        """End for good, and wait for the end."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            if not self._whole.is_set():
                near.close()
                continue
            thread = threading.Thread(target=self._carry, args=(near,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, near: socket.socket) -> None:
        far = socket.create_connection(("127.0.0.1", self._engine_port))
        with near, far, selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            # A peer that went away is how a connection ends here.
            with contextlib.suppress(ConnectionError, BrokenPipeError):
                while self._whole.is_set() and not self._ended.is_set():
                    for key, _ in ready.select(TICK_SECONDS):
                        assert isinstance(key.fileobj, socket.socket)
                        piece = key.fileobj.recv(CHUNK_BYTES)
                        if not piece:
                            return
                        key.data.sendall(piece)
