"""A fake server that answers every call with the same messages."""

import contextlib
import socket
import struct
import threading
import time
import urllib.parse

DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
ACK = END_STREAM = 1
END_HEADERS = 4


def frame(kind, flags, stream, payload=b""):
    """Return an HTTP/2 frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header_field(name, value):
    """Return an uncompressed HPACK header field."""

    def string(text):
        if len(text) < 127:
            return bytes([len(text)]) + text
        rest = len(text) - 127
        return bytes([127, rest & 127 | 128, rest >> 7]) + text  # up to 16 KiB

    return b"\0" + string(name.encode()) + string(value.encode())


def field(number, content):
    """Return a field of a protobuf message: an int, bytes or str."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def response_frames(messages, status, text, again):
    """Return a function of the stream ID that yields the frames of a response."""

    def data(stream, *messages):
        return frame(DATA, 0, stream, b"".join(struct.pack(">BI", 0, len(m)) + m for m in messages))

    def frames(stream):
        headers = b"\x88" + header_field("content-type", "application/grpc")
        start = frame(HEADERS, END_HEADERS, stream, headers) + data(stream, *messages)
        while again is not None:
            yield start
            start = data(stream, again)
            time.sleep(0.02)
        trailers = header_field("grpc-status", str(status)) + header_field("grpc-message", urllib.parse.quote(text))
        yield start + frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers)

    return frames


def serve(connection, frames):
    with contextlib.suppress(OSError), connection:
        read_exactly(connection, 24)  # the preface
        connection.sendall(frame(SETTINGS, 0, 0))
        while True:
            size, kind, flags, stream = struct.unpack(">IBBI", b"\0" + read_exactly(connection, 9))
            payload = read_exactly(connection, size)
            if kind in (SETTINGS, PING) and not flags & ACK:
                connection.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
            elif kind in (HEADERS, DATA) and flags & END_STREAM:
                for part in frames(stream):
                    connection.sendall(part)


@contextlib.contextmanager
def fake_server(*messages, status=0, text="", again=None):
    """Answer each call with the messages (bytes), then the status and its text; yields the URL.

    If there is another message, again, it is sent every 20 ms instead of the status.
    """
    frames = response_frames(messages, status, text, again)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=serve, args=(connection, frames), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
