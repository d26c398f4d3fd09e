"""A connection to the server, with a session of libnghttp2."""

import ctypes
import select
import ssl
import traceback
from ctypes import POINTER, byref, c_void_p, cast

import library as h2


class Answer:
    """What has arrived on a stream."""

    def __init__(self):
        self.headers, self.trailers = [], []
        self.data = bytearray()
        self.closed = None  # error code with which the stream was closed, or None

    def __str__(self):
        return f"{self.headers} {len(self.data)} bytes {self.trailers} closed {self.closed}"


class Session:
    """A client without automatic windows. It records each error that nghttp2 finds.

    draw is a random.Random. Reads and writes of the socket have random sizes.
    """

    def __init__(self, connection, draw, padded, table):
        self.connection, self.draw, self.padded = connection, draw, padded
        self.errors = []
        self.answers = {}  # by stream
        self.sources = {}  # by stream; has read(most), which returns bytes, DEFERRED or flags
        self.resets = set()  # streams that the client has reset
        self.started = set()  # streams whose headers were sent
        self.goaways = []  # (last stream, code, text)
        self.settings = self.acks = self.pongs = 0  # numbers of frames
        self.is_ended = False  # the server has closed the connection
        self._output, self._chunk = bytearray(), 0
        self.lib = h2.load()
        self._start(table)
        connection.setblocking(False)

    def _start(self, table):
        """Create the session of nghttp2. table is the largest table of its encoder."""
        callbacks, option, session = c_void_p(), c_void_p(), c_void_p()
        self.lib.nghttp2_session_callbacks_new(byref(callbacks))
        self._kept = []
        for name, kind in h2.CALLBACKS.items():
            callback = kind(self._guarded(getattr(self, "_" + name)))
            self._kept.append(callback)
            getattr(self.lib, f"nghttp2_session_callbacks_set_{name}_callback")(callbacks, callback)
        self._source = h2.DataSource(None, h2.ReadData(self._guarded(self._read_data)))
        self.lib.nghttp2_option_new(byref(option))
        self.lib.nghttp2_option_set_no_auto_window_update(option, 1)
        self.lib.nghttp2_option_set_max_deflate_dynamic_table_size(option, ctypes.c_size_t(table))
        self.lib.nghttp2_option_set_max_send_header_block_length(option, ctypes.c_size_t(1 << 20))
        self.lib.nghttp2_session_client_new2(byref(session), callbacks, None, option)
        self.session = session

    def _guarded(self, method):
        def call(_session, *arguments):
            try:
                result = method(*arguments[:-1])
                return 0 if result is None else result
            except Exception:
                self.errors.append(traceback.format_exc())
                return h2.CALLBACK_FAILURE

        return call

    # Callbacks.

    def _on_frame_recv(self, frame):
        header = cast(frame, POINTER(h2.FrameHeader)).contents
        if header.type == h2.GOAWAY:
            f = cast(frame, POINTER(h2.GoAwayFrame)).contents
            self.goaways.append((f.last_stream, f.code, bytes(f.text[: f.length])))
        elif header.type == h2.SETTINGS and header.flags & h2.FLAG_ACK:
            self.acks += 1
        elif header.type == h2.SETTINGS:
            self.settings += 1
        elif header.type == h2.PING and header.flags & h2.FLAG_ACK:
            self.pongs += 1

    def _on_frame_send(self, frame):
        """Check that nghttp2 itself finds nothing to complain about."""
        header = cast(frame, POINTER(h2.FrameHeader)).contents
        if header.type == h2.HEADERS:
            self.started.add(header.stream)
        if header.type == h2.RST_STREAM and header.stream not in self.resets:
            f = cast(frame, POINTER(h2.ResetFrame)).contents
            self.errors.append(f"nghttp2 resets stream {header.stream} with code {f.code}")
        if header.type == h2.GOAWAY:
            f = cast(frame, POINTER(h2.GoAwayFrame)).contents
            if f.code:
                self.errors.append(f"nghttp2 ends the connection with code {f.code}")

    def _on_frame_not_send(self, frame, code):
        header = cast(frame, POINTER(h2.FrameHeader)).contents
        expected = self.goaways or header.stream in self.resets or self.is_closed(header.stream)
        if header.type == h2.HEADERS and not expected:
            self.errors.append(f"headers of stream {header.stream} not sent: {self.reason(code)}")

    def _on_invalid_frame_recv(self, frame, code):
        header = cast(frame, POINTER(h2.FrameHeader)).contents
        self.errors.append(f"invalid frame {header.type} on stream {header.stream}: {self.reason(code)}")

    def _on_invalid_header(self, frame, name, name_length, value, length, _flags):
        field = ctypes.string_at(name, name_length), ctypes.string_at(value, length)
        self.errors.append(f"invalid field {field}")

    def _error(self, text, length):
        self.errors.append(ctypes.string_at(text, length).decode())

    def _on_data_chunk_recv(self, _flags, stream, data, length):
        self.answers[stream].data += ctypes.string_at(data, length)

    def _on_header(self, frame, name, name_length, value, length, _flags):
        f = cast(frame, POINTER(h2.HeadersFrame)).contents
        answer = self.answers[f.header.stream]
        field = ctypes.string_at(name, name_length).decode(), ctypes.string_at(value, length)
        (answer.headers if f.category == h2.CATEGORY_RESPONSE else answer.trailers).append(field)

    def _on_stream_close(self, stream, code):
        self.answers[stream].closed = code

    def _select_padding(self, frame, most):
        length = cast(frame, POINTER(h2.FrameHeader)).contents.length
        if not self.padded or self.draw.random() < 0.5:
            return length
        return self.draw.randint(length, min(most, length + 256))

    def _pack_extension(self, buffer, length, _frame):
        content = self.draw.randbytes(min(length, self.draw.randint(0, 100)))
        ctypes.memmove(buffer, content, len(content))
        return len(content)

    def _read_data(self, stream, buffer, length, flags, _source):
        content = self.sources[stream].read(self, length)
        if content is None:
            return h2.DEFERRED
        content, flags[0] = content
        ctypes.memmove(buffer, content, len(content))
        return len(content)

    # Requests.

    def reason(self, code):
        return self.lib.nghttp2_strerror(code).decode()

    def submit(self, name, *arguments):
        """Call a function of nghttp2, which must succeed."""
        result = getattr(self.lib, "nghttp2_" + name)(self.session, *arguments)
        if result < 0:
            raise RuntimeError(f"{name}: {self.reason(result)}")
        return result

    def request(self, pairs, source, priority, flags):
        """Start a call and return its stream. source is None if the headers end it."""
        stream = self.submit(
            "submit_request",
            priority and byref(priority),
            h2.fields(pairs, flags),
            len(pairs),
            source and byref(self._source),
            None,
        )
        self.answers[stream], self.sources[stream] = Answer(), source
        return stream

    def reset(self, stream, code):
        self.resets.add(stream)
        self.submit("submit_rst_stream", 0, stream, code)

    def is_unsent(self, stream):
        """Report whether a call was not sent because of GOAWAY."""
        return self.goaways and stream not in self.started

    def is_done(self):
        """Report whether the connection has ended, or will be used no more after GOAWAY."""
        wants = self.lib.nghttp2_session_want_read, self.lib.nghttp2_session_want_write
        return self.is_ended or not any(w(self.session) for w in wants)

    def is_closed(self, stream):
        return self.answers[stream].closed is not None

    # Input and output.

    def exchange(self, wait):
        """Send and receive what can be, after waiting up to wait seconds for that."""
        self._collect()
        if not getattr(self.connection, "pending", int)():
            select.select([self.connection], [self.connection] if self._output else [], [], wait)
        try:
            self._send()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            pass  # receiving reports the end of the connection
        try:
            self._receive()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self.is_ended = True
            self.errors.append(f"the connection was broken: {error}")

    def _collect(self):
        data = c_void_p()
        while len(self._output) < 64 << 10:
            length = self.submit("session_mem_send", byref(data))
            if length == 0:
                return
            self._output += ctypes.string_at(data, length)

    def _size(self):
        return self.draw.choice((1, 9, 100, 5000, 1 << 16))

    def _send(self):
        while self._output:
            # TLS must repeat a write that it could not finish.
            self._chunk = self._chunk or min(self._size(), len(self._output))
            sent = self.connection.send(self._output[: self._chunk])
            self._chunk = 0
            del self._output[:sent]

    def _receive(self):
        for _ in range(8):
            received = self.connection.recv(self._size())
            if not received:
                self.is_ended = True
                return
            used = self.lib.nghttp2_session_mem_recv(self.session, received, len(received))
            if used != len(received):
                self.errors.append(f"nghttp2 does not accept what it receives: {self.reason(used)}")
                self.is_ended = True
                return
