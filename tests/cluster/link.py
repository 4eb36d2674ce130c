"""A way to the API server that can be cut: forwards TCP connections between two addresses, in threads."""
import contextlib
import socket
import threading
import weakref

CHUNK = 65536


class Link:
    """Thread rule: any thread may cut and heal."""

    def __init__(self, listen, target):
        self._listen, self._target = listen, target
        self._lock = threading.Lock()
        self._open = weakref.WeakSet()  # both ends of each connection; closed when their threads have let go
        self._listener = None
        self._is_flowing = threading.Event()
        self._is_flowing.set()
        self.heal()

    def freeze(self):
        """From now on nothing is carried, and no connection ends."""
        self._is_flowing.clear()

    def renew(self):
        """Ends all connections; new ones are carried."""
        self.cut()
        self._is_flowing.set()
        self.heal()

    def cut(self):
        """Ends all connections and refuses new ones."""
        with self._lock:
            if self._listener is not None:
                _end(self._listener)  # wakes the thread that accepts
                self._listener.close()
            self._listener = None
            for end in list(self._open):
                _end(end)

    def heal(self):
        with self._lock:
            if self._listener is None:
                self._listener = socket.create_server(self._listen)
                threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return  # cut
            self._is_flowing.wait()
            try:
                far = socket.create_connection(self._target, timeout=5)
            except OSError:
                continue  # the server is away; `near` closes
            far.settimeout(None)
            with self._lock:
                if self._listener is not listener:
                    return
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._is_flowing.wait()
                sink.sendall(data)
        self._is_flowing.wait()
        _end(source)
        _end(sink)


def _end(one):
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
