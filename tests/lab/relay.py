"""A TCP relay in front of a server, for faults of the network: silence, black holes, refusals."""

import ctypes
import select
import socket
import struct
import threading

# A packet filter that drops everything before TCP sees it: nothing is acknowledged.
_ATTACH, _DETACH = 26, 27
_DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
_FILTER = struct.pack("HL", 1, ctypes.addressof(_DROP_ALL))


def _set_hole(end, on):
    end.setsockopt(socket.SOL_SOCKET, _ATTACH if on else _DETACH, _FILTER if on else bytes(4))


class Relay:
    """`with Relay(port) as relay:` listens on `relay.port` of 127.0.0.1 and forwards to `port`.

    is_kafka  answers that name the broker's address name the relay's, so that clients stay here
    """

    def __init__(self, port, is_kafka=False):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._address = b"127.0.0.1" + struct.pack(">i", port) if is_kafka else None
        self._in_hole = False
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
            if end is not None:
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

    def swallow(self, on):
        """A black hole: no packet gets through, of old and new connections; off: all goes on."""
        with self._lock:
            self._in_hole = on
            for end in (self._listener, *self._peers):
                _set_hole(end, on)

    def refuse(self, on):
        """Ends all connections and refuses new ones; off: listens again."""
        with self._lock:
            ends = list(self._peers) if on else []
            self._peers = {} if on else self._peers
            old, self._listener = self._listener, None
            if not on:
                self._listener = socket.create_server(("127.0.0.1", self.port))
        for end in [*ends, *([old] if old else [])]:
            end.close()

    def _run(self):
        while True:
            with self._lock:
                ends = [] if self._in_hole else list(self._peers)
                ends += [self._listener] if self._listener else []
            try:
                ready, _, _ = select.select([self._wake, *ends], [], [], 0.05)
            except (OSError, ValueError):   # one was closed meanwhile
                continue
            if self._wake in ready:
                return
            for end in ready:
                if end is self._listener:
                    self._accept()
                else:
                    self._forward(end)

    def _accept(self):
        with self._lock:
            if self._listener is None:
                return
            near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._target))
        with self._lock:
            self._peers[near], self._peers[far] = far, near

    def _rename(self, part):
        if self._address is None:
            return part
        return part.replace(self._address, b"127.0.0.1" + struct.pack(">i", self.port))

    def _forward(self, end):
        with self._lock:
            other = self._peers.get(end)
            if other is None:
                return
            try:
                part = end.recv(65536)
                if part:
                    other.sendall(self._rename(part))
                    return
            except OSError:
                pass
            del self._peers[end], self._peers[other]
        end.close()
        other.close()
