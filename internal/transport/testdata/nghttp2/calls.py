"""Random calls of the methods in handler_test.go, and the answers to them."""

import base64
import string

import library as h2

# Methods that answer with the request, and whether the answer repeats header fields.
ECHOES = {
    "InlineEcho": False,
    "LaterEcho": False,
    "Declined": True,
    "UnaryEcho": True,
    "BidiEcho": False,
}
# How the calls end that have no successful answer.
FAILURE = {
    "grpc-status": [b"9"],
    "grpc-message": [b"100 %25 n%C3%A3o, %E6%97%A5%E6%9C%AC%0A"],
    "text": [b"one", b"two"],
    "raw-bin": [b"AP8"],
}
UNKNOWN = {"grpc-status": [b"12"], "grpc-message": [b'unknown method "/test/Unknown"']}
REFUSED = {"grpc-status": [b"7"], "grpc-message": [b"%20refused%20"]}
EXPIRED = {"grpc-status": [b"4"]}
LARGE = {"grpc-status": [b"8"]}
SUCCESS = {"grpc-status": [b"0"]}


def message(content):
    return b"\0" + len(content).to_bytes(4, "big") + content


def content(size):
    """The bytes that the server answers with."""
    return bytes((i * 7 >> 3) & 255 for i in range(size))


class Call:
    """A call, which is also the source of its request."""

    def __init__(self, draw, header_bytes):
        self.draw = draw
        self.method = draw.choice(list(KINDS))
        self.request = self.want = b""
        self.ends = SUCCESS  # the trailers, or None if the call is never answered
        self.http = b"200"
        self.sends = []  # fields whose values the server repeats
        self.fields, self.trailers = [], []
        self.repeats = ECHOES.get(self.method, False)
        self.stream = None
        self.sent = 0
        self.paused = self.deferred = False
        KINDS[self.method](self)
        frames = draw.choice((1, 1, 10, 100))
        self.most = max(1, 2 * len(self.request) // frames)  # bytes in a frame
        if draw.random() < 0.05:
            refuse(self)
        if self.method in ECHOES and self.ends is SUCCESS:
            self._decorate(header_bytes)
        self.ends_late = draw.random() < 0.3  # END_STREAM is in a frame without data

    def size(self):
        d = self.draw
        return d.choice((d.randint(0, 10), d.randint(0, 5000), d.randint(0, 5000), d.randint(0, 60_000)))

    def _decorate(self, header_bytes):
        """Add fields and trailers to the request."""
        d = self.draw
        left = header_bytes - 1000
        if d.random() < 0.4:
            for _ in range(d.randint(1, 4)):
                name = d.choice(("send", "send-bin"))
                value = random_value(d, 60)
                if name == "send-bin":
                    value = base64.b64encode(value).rstrip(b"=")
                self.sends.append((name, value))
                left -= len(value) + 50
        if d.random() < 0.4:
            for _ in range(d.randint(1, 20)):
                self.fields.append((b"x-%d" % d.randint(0, 30), random_value(d, 100)))
                left -= 150
        if d.random() < 0.15:  # needs CONTINUATION
            while left > 100:
                value = random_value(d, min(left - 50, 20_000))
                self.fields.append((b"x-large-%d" % d.randint(0, 3), value))
                left -= len(value) + 50
        if d.random() < 0.3:
            for _ in range(d.randint(1, 5)):
                self.trailers.append((b"x-trailer", random_value(d, d.choice((10, 5000)))))

    def pairs(self):
        """The header fields."""
        start = [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", b"/test/" + self.method.encode()),
            (b":authority", b"test"),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
        ]
        return start + [(n.encode(), v) for n, v in self.sends] + self.fields

    def submit(self, session):
        self.sent = 0
        empty = not self.request and not self.trailers and self.draw.random() < 0.5
        flags = self.draw.choice((0, 0, h2.FIELD_NOT_INDEXED))
        priority = None
        if self.draw.random() < 0.2:
            priority = random_priority(self.draw, session.answers)
        self.stream = session.request(self.pairs(), None if empty else self, priority, flags)

    def read(self, session, most):
        """The next bytes of the request and flags, or None if they come later."""
        if self.paused:
            self.deferred = True
            return None
        n = min(most, self.draw.randint(1, self.most), len(self.request) - self.sent)
        part = self.request[self.sent : self.sent + n]
        self.sent += n
        if self.draw.random() < 0.1:
            self.paused = True
        if self.sent < len(self.request) or (part and self.ends_late):
            return part, 0
        if not self.trailers:
            return part, h2.DATA_EOF
        session.submit("submit_trailer", self.stream, h2.fields(self.trailers), len(self.trailers))
        return part, h2.DATA_EOF | h2.DATA_NO_END_STREAM

    def resume(self, session):
        self.paused = False
        if self.deferred:
            self.deferred = False
            session.lib.nghttp2_session_resume_data(session.session, self.stream)

    # What is expected.

    def check(self, answer):
        """Return why the answer of a call that was not reset is not as expected, or None."""
        if answer.closed:
            return "has an error code"
        if answer.data != self.want:
            return f"has not the {len(self.want)} bytes expected"
        if [v for n, v in answer.headers if n == ":status"] != [self.http]:
            return "has another HTTP status"
        if values(answer.headers, "content-type") != [b"application/grpc"]:
            return "has another content type"
        only = not answer.trailers
        if only and (self.want or self.repeats):
            return "has no trailers"
        last = answer.headers if only else answer.trailers
        if values(answer.headers + answer.trailers, "grpc-status") != self.ends["grpc-status"]:
            return f"has not the status {self.ends['grpc-status']}"
        for name, expected in self.ends.items():
            if values(last, name) != expected:
                return f"has not the {name} {expected}"
        if self.repeats:
            for name in ("send", "send-bin"):
                sent = values(self.sends, name)
                suffix = name[4:]
                if values(answer.headers, "got" + suffix) != sent:
                    return f"does not repeat {name} in its headers"
                if values(answer.trailers, "done" + suffix) != sent:
                    return f"does not repeat {name} in its trailers"
        return None

    def is_prefix(self, answer):
        """Report whether the answer may be the start of the one expected."""
        return self.want.startswith(bytes(answer.data))


def values(pairs, name):
    return [v for n, v in pairs if n == name]


def random_value(draw, most):
    """A value that Huffman's code makes shorter, or longer."""
    size = draw.randint(1, most)
    if draw.random() < 0.5:
        return bytes(draw.choices(b"aceiost0123", k=size))
    return bytes(draw.choices(string.printable[:94].encode(), k=size))


def random_priority(draw, streams):
    """A dependence on one of the streams, or on none."""
    return h2.Priority(draw.choice([0, *streams]), draw.randint(1, 256), draw.randint(0, 1))


# How each kind of call is made.


def echo(call):
    call.request = call.want = message(call.draw.randbytes(call.size()))


def echo_stream(call):
    parts = [message(call.draw.randbytes(call.size())) for _ in range(call.draw.randint(0, 5))]
    call.request = call.want = b"".join(parts)


def echo_protobuf(call):
    bytes_ = call.draw.randbytes(call.draw.randint(1, 60_000))
    length, rest = [], len(bytes_)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    call.request = call.want = message(b"\x0a" + bytes([*length, rest]) + bytes_)


def grow(call):
    size = call.size()
    call.request, call.want = message(b"%d" % size), message(content(size))


def count(call):
    n, size = call.draw.randint(0, 8), call.size() // 3
    call.request, call.want = message(b"%d %d" % (n, size)), message(content(size)) * n


def fail(call):
    call.request, call.ends = message(b"x" * call.draw.randint(0, 30)), FAILURE


def fail_early(call):
    call.request, call.ends = message(b"x" * call.size()), FAILURE


def unknown(call):
    call.request, call.ends = message(b"x" * call.size()), UNKNOWN


def never(call):
    call.request, call.ends = message(b"x" * call.draw.randint(0, 30)), None


def expire(call):
    never(call)
    if call.draw.random() < 0.5:
        call.ends = EXPIRED
        call.fields.append((b"grpc-timeout", b"%dm" % call.draw.randint(1, 50)))


def too_large(call):
    """Headers that are larger when they are decoded than the server accepts."""
    call.request, call.ends, call.http = message(b"x" * call.size()), LARGE, b"431"
    call.fields += [(b"x-large", b"a" * 30_000)] * 2
    if call.draw.random() < 0.5:
        call.trailers = call.fields


def refuse(call):
    """Any call with this field is refused."""
    if call.http == b"200":
        call.want, call.ends, call.repeats = b"", REFUSED, False
        call.fields.append((b"refuse", b"yes"))


KINDS = {
    "InlineEcho": echo,
    "LaterEcho": echo,
    "Declined": echo,
    "UnaryEcho": echo,
    "BidiEcho": echo_stream,
    "ProtoEcho": echo_protobuf,
    "InlineGrow": grow,
    "CountDown": count,
    "InlineFail": fail,
    "Failing": fail_early,
    "Unknown": unknown,
    "InlineNever": never,
    "Never": expire,
    "TooLarge": too_large,
}
