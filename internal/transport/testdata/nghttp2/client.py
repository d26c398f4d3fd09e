"""A random client of the server's transport, with libnghttp2.

    client.py ADDRESS SEED HEADER_BYTES [tls]

ADDRESS is HOST:PORT of a server with the methods of handler_test.go that accepts headers of
HEADER_BYTES. The client makes random calls on one connection, and compares the answers
with what it expects; nghttp2 checks the frames. When it prints "drain", the server must
stop gracefully. It prints what is not as expected and exits with 1, or with 77 if there is
no libnghttp2.
"""

import random
import socket
import ssl
import sys
import time

import library as h2
from calls import Call, random_priority
from session import Session

# How long the client waits for answers that must come, in seconds.
PATIENCE = 60


class Client:
    """A random client."""

    def __init__(self, address, seed, header_bytes, secure):
        self.draw = random.Random(seed)
        self.header_bytes = header_bytes
        self.tiny = self.draw.random() < 0.5  # windows are opened in small steps
        self.calls, self.expected_acks, self.expected_pongs = [], 0, 0
        self.draining = False
        self.session = Session(
            connect(address, secure, self.draw.choice((None, 1 << 15))),
            self.draw,
            padded=self.draw.random() < 0.6,
            table=self.draw.choice((0, 100, 4096, 1 << 16)),
        )

    def run(self):
        self.settings()
        self.wait(lambda: self.session.settings, "there are no settings")
        for _ in range(self.draw.choice((30, 100, 300))):
            self.step()
            if self.session.errors or self.session.is_ended:
                return self.check()
        if self.draw.random() < 0.1:
            return  # without an end of the calls or of the connection
        if not self.draining and self.draw.random() < 0.5:
            self.drain()
        self.finish()
        self.check()

    def step(self):
        steps = {
            self.open: 6,
            self.exchange: 8,
            self.stream_window: 6,
            self.connection_window: 3,
            self.settings: 1,
            self.priority: 2,
            self.ping: 1,
            self.extension: 1,
            self.reset: 2,
            self.pause: 2,
            self.drain: 0.01,
        }
        self.draw.choices(list(steps), list(steps.values()))[0]()

    # Steps.

    def open(self):
        for _ in range(self.draw.choice((1, 1, 1, 30))):
            if len(self.live()) > 300 or self.session.goaways:
                return
            call = Call(self.draw, self.header_bytes)
            call.submit(self.session)
            self.calls.append(call)

    def exchange(self):
        self.session.exchange(self.draw.choice((0, 0, 0, 0.001)))

    def amount(self, tiny):
        return self.draw.randint(1, self.draw.choice((1, 10, 100)) if tiny else 100_000)

    def stream_window(self):
        live = self.live()
        for call in self.draw.sample(live, min(len(live), 5)):
            self.session.submit("submit_window_update", 0, call.stream, self.amount(self.tiny))

    def connection_window(self):
        self.session.submit("submit_window_update", 0, 0, self.amount(self.tiny))

    def settings(self):
        choices = [
            (h2.HEADER_TABLE_SIZE, (0, 0, 1, 100, 4096, 1 << 16)),
            (h2.INITIAL_WINDOW_SIZE, (0, 1, 100, 65_535, 1 << 20)),
            (h2.MAX_FRAME_SIZE, (1 << 14, 50_000, (1 << 24) - 1)),
            (h2.MAX_CONCURRENT_STREAMS, (0, 100)),
            (h2.ENABLE_PUSH, (0,)),
            (0xF0F0, (0, 7)),
        ]
        chosen = [self.draw.choice(choices) for _ in range(self.draw.randint(0, 5))]
        values = (h2.Setting * len(chosen))(*((i, self.draw.choice(v)) for i, v in chosen))
        self.session.submit("submit_settings", 0, values, len(chosen))
        self.expected_acks += 1

    def priority(self):
        stream = self.draw.choice([2001, 2003, *self.session.answers])
        priority = random_priority(self.draw, [2001, 2005, *self.session.answers])
        if priority.stream != stream:
            self.session.submit("submit_priority", 0, stream, priority)

    def ping(self):
        self.session.submit("submit_ping", 0, self.draw.randbytes(8))
        self.expected_pongs += 1

    def extension(self):
        """Send a frame of an unknown type."""
        stream = self.draw.choice([0] + [c.stream for c in self.live()])
        kind, flags = self.draw.randint(0x20, 0xFF), self.draw.randint(0, 255)
        self.session.submit("submit_extension", kind, flags, stream, None)

    def reset(self):
        live = self.live()
        for call in self.draw.sample(live, min(len(live), self.draw.choice((1, 1, 10)))):
            code = self.draw.choice((h2.CANCEL, h2.CANCEL, h2.NO_ERROR, 1, 2, 11))
            self.session.reset(call.stream, code)

    def pause(self):
        for call in self.live():
            if self.draw.random() < 0.5:
                call.resume(self.session)
            else:
                call.paused = True

    def drain(self):
        if not self.draining:
            self.draining = True
            print("drain", flush=True)

    # The end.

    def live(self):
        s = self.session
        return [c for c in self.calls if not (s.is_closed(c.stream) or c.stream in s.resets or s.is_unsent(c.stream))]

    def finish(self):
        """Open windows until all calls have ended."""
        until = time.monotonic() + PATIENCE
        while live := self.live():
            if time.monotonic() > until:
                self.session.errors.append("calls do not end:\n" + self.describe(live))
            if self.session.errors or self.session.is_ended:
                return
            self.open_windows(live)
            self.session.exchange(0.01)
        self.session.submit("submit_ping", 0, b"the last")
        self.expected_pongs += 1
        if self.draining:
            self.wait(self.session.is_done, "the connection is not closed")
            return
        self.wait(self.is_answered, "settings or pings are not answered")
        self.session.submit("submit_goaway", 0, 0, 0, b"", 0)
        self.session.exchange(0)
        self.session.exchange(0)

    def is_answered(self):
        s = self.session
        return (s.acks, s.pongs) == (self.expected_acks, self.expected_pongs)

    def wait(self, holds, otherwise):
        until = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > until:
                self.session.errors.append(otherwise)
            if self.session.errors or self.session.is_ended:
                return
            self.session.exchange(0.05)

    def open_windows(self, live):
        s, left = self.session, 0
        for call in live:
            if call.ends is None:
                s.reset(call.stream, h2.CANCEL)
                continue
            call.resume(s)
            rest = len(call.want) - len(s.answers[call.stream].data)
            left += rest
            if rest and s.lib.nghttp2_session_get_stream_local_window_size(s.session, call.stream) <= 0:
                most = max(50, rest // 20) if self.tiny else 100_000
                s.submit("submit_window_update", 0, call.stream, self.draw.randint(1, most))
        if left and s.lib.nghttp2_session_get_local_window_size(s.session) <= 0:
            most = max(50, left // 100) if self.tiny else 1 << 20
            s.submit("submit_window_update", 0, 0, self.draw.randint(1, most))

    def check(self):
        s = self.session
        for call in self.calls:
            answer = s.answers[call.stream]
            refused = answer.closed == h2.REFUSED_STREAM
            if call.stream in s.resets:
                problem = None if call.is_prefix(answer) else "is not the start of the one expected"
            elif s.is_unsent(call.stream):
                problem = None
            elif refused and s.resets and not (answer.headers or answer.data):
                problem = None  # calls that were reset may be in progress in the server
            else:
                problem = call.check(answer)
            if problem:
                s.errors.append(f"the answer {problem}:\n{self.describe([call])}")
        if self.draining:
            if [g[1] for g in s.goaways] not in ([0], [0, 0]):
                s.errors.append(f"after a drain, GOAWAY {s.goaways}")
        elif s.goaways or s.is_ended:
            s.errors.insert(0, f"GOAWAY {s.goaways}, closed {s.is_ended}")

    def describe(self, calls):
        s = self.session
        return "\n".join(
            f"  stream {c.stream} {c.method}: {c.sent} of {len(c.request)} bytes sent, want"
            f" {len(c.want)} bytes {c.ends}: {str(s.answers[c.stream])[:600]}"
            for c in calls[:10]
        )


def connect(address, secure, buffer):
    """Return a connection. buffer is the size of its receive buffer, or None."""
    host, port = address.rsplit(":", 1)
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.connect((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not secure:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(connection)


def main(address, seed, header_bytes, *tls):
    client = Client(address, int(seed), int(header_bytes), bool(tls))
    client.run()
    for error in client.session.errors[:5]:
        print(error)
    if client.session.errors:
        print(f"{len(client.calls)} calls, draining {client.draining}, GOAWAY {client.session.goaways}")
    return bool(client.session.errors)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
