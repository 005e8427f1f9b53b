"""A TCP relay in front of a server, whose connections can go silent as when a router forgets them."""

import select
import socket
import threading


class Relay:
    """`with Relay(port) as relay:` listens on `relay.port` of 127.0.0.1 and forwards to `port`."""

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._peers = {}            # socket -> the other end
        self._hidden = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._wake, self._waker = socket.socketpair()
        self.silent = 0             # connections that were made silent

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._waker.close()
        self._thread.join()
        for end in (self._listener, self._wake, *self._peers, *self._hidden):
            end.close()

    def go_silent(self):
        """From now on nothing passes on the connections of this moment, and none of them ends."""
        with self._lock:
            self.silent += len(self._peers) // 2
            self._hidden += self._peers         # kept open
            self._peers.clear()

    def switch(self, port):
        """Ends all connections; new ones lead elsewhere."""
        with self._lock:
            self._target = port
            ends = list(self._peers)
            self._peers.clear()
        for end in ends:
            end.close()

    def _run(self):
        while True:
            with self._lock:
                ends = list(self._peers)
            try:
                ready, _, _ = select.select([self._wake, self._listener, *ends], [], [], 0.05)
            except (OSError, ValueError):   # one was closed by switch()
                continue
            if self._wake in ready:
                return
            for end in ready:
                if end is self._listener:
                    self._accept()
                else:
                    self._forward(end)

    def _accept(self):
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._target))
        with self._lock:
            self._peers[near], self._peers[far] = far, near

    def _forward(self, end):
        with self._lock:
            other = self._peers.get(end)
            if other is None:
                return
            try:
                part = end.recv(65536)
                if part:
                    other.sendall(part)
                    return
            except OSError:
                pass
            del self._peers[end], self._peers[other]
        end.close()
        other.close()
