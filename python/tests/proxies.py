"""A proxy between a client and a server that can drop and record what is sent."""

import contextlib
import socket
import threading

PREFACE = 24  # bytes before the first HTTP/2 frame
RST_STREAM = 3  # type of the frame that cancels a stream


class Proxy:
    """Forwards bytes until silent is set, and then drops them."""

    def __init__(self, url):
        host, port = url.rsplit("/", 1)[1].split(":")
        self._server = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._sockets = [self._listener]
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.silent = False
        self.sent = bytearray()  # by the first client
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                record = self.sent if len(self._sockets) == 1 else bytearray()
                self._sockets += [near, far]
                threading.Thread(target=self._copy, args=(near, far, record), daemon=True).start()
                threading.Thread(target=self._copy, args=(far, near, bytearray()), daemon=True).start()

    def _copy(self, source, target, record):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                record += data
                if not self.silent:
                    target.sendall(data)

    def reset_streams(self):
        """Return the number of streams that the client has reset."""
        at, count = PREFACE, 0
        while at + 9 <= len(self.sent):
            count += self.sent[at + 3] == RST_STREAM
            at += 9 + int.from_bytes(self.sent[at : at + 3], "big")
        return count

    def close(self):
        for s in self._sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()


@contextlib.contextmanager
def proxy(url):
    """Run a Proxy to the server of a URL."""
    opened = Proxy(url)
    try:
        yield opened
    finally:
        opened.close()
