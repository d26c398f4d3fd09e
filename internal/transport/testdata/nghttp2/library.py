"""The part of libnghttp2 that the client uses, declared for ctypes.

The structures and functions are those of its version 1.41 and later; libnghttp2.so.14 keeps
them.
"""

import ctypes
import ctypes.util
import sys
from ctypes import POINTER, c_char_p, c_int, c_int32, c_size_t, c_ssize_t, c_uint8, c_uint32, c_void_p

# Exit code of the client if there is no library.
NO_LIBRARY = 77

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE = range(9)
FLAG_ACK = 1

# Settings.
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)

# Error codes of HTTP/2.
NO_ERROR, REFUSED_STREAM, CANCEL = 0, 7, 8

# Results of a data source.
DEFERRED = -508
DATA_EOF, DATA_NO_END_STREAM = 1, 2

CALLBACK_FAILURE = -902
CATEGORY_RESPONSE = 1
FIELD_NOT_INDEXED = 1


class FrameHeader(ctypes.Structure):
    _fields_ = [
        ("length", c_size_t),
        ("stream", c_int32),
        ("type", c_uint8),
        ("flags", c_uint8),
        ("reserved", c_uint8),
    ]


class Priority(ctypes.Structure):
    _fields_ = [("stream", c_int32), ("weight", c_int32), ("exclusive", c_uint8)]


class Field(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("value", c_char_p),
        ("name_length", c_size_t),
        ("value_length", c_size_t),
        ("flags", c_uint8),
    ]


class HeadersFrame(ctypes.Structure):
    _fields_ = [
        ("header", FrameHeader),
        ("padding", c_size_t),
        ("priority", Priority),
        ("fields", POINTER(Field)),
        ("count", c_size_t),
        ("category", c_int),
    ]


class GoAwayFrame(ctypes.Structure):
    _fields_ = [
        ("header", FrameHeader),
        ("last_stream", c_int32),
        ("code", c_uint32),
        ("text", POINTER(c_uint8)),
        ("length", c_size_t),
    ]


class ResetFrame(ctypes.Structure):
    _fields_ = [("header", FrameHeader), ("code", c_uint32)]


class Setting(ctypes.Structure):
    _fields_ = [("id", c_int32), ("value", c_uint32)]


# session, stream, buffer, its length, flags, source, user data
ReadData = ctypes.CFUNCTYPE(c_ssize_t, c_void_p, c_int32, c_void_p, c_size_t, POINTER(c_uint32), c_void_p, c_void_p)


class DataSource(ctypes.Structure):
    _fields_ = [("source", c_void_p), ("read", ReadData)]


# The callbacks by the name that is part of the function that sets them. All have a session
# as their first and user data as their last argument.
_frame = c_void_p
CALLBACKS = {
    "on_frame_recv": ctypes.CFUNCTYPE(c_int, c_void_p, _frame, c_void_p),
    "on_frame_send": ctypes.CFUNCTYPE(c_int, c_void_p, _frame, c_void_p),
    "on_frame_not_send": ctypes.CFUNCTYPE(c_int, c_void_p, _frame, c_int, c_void_p),
    "on_invalid_frame_recv": ctypes.CFUNCTYPE(c_int, c_void_p, _frame, c_int, c_void_p),
    "on_data_chunk_recv": ctypes.CFUNCTYPE(c_int, c_void_p, c_uint8, c_int32, c_void_p, c_size_t, c_void_p),
    "on_stream_close": ctypes.CFUNCTYPE(c_int, c_void_p, c_int32, c_uint32, c_void_p),
    "on_header": ctypes.CFUNCTYPE(c_int, c_void_p, _frame, c_void_p, c_size_t, c_void_p, c_size_t, c_uint8, c_void_p),
    "on_invalid_header": ctypes.CFUNCTYPE(
        c_int, c_void_p, _frame, c_void_p, c_size_t, c_void_p, c_size_t, c_uint8, c_void_p
    ),
    "select_padding": ctypes.CFUNCTYPE(c_ssize_t, c_void_p, _frame, c_size_t, c_void_p),
    "pack_extension": ctypes.CFUNCTYPE(c_ssize_t, c_void_p, c_void_p, c_size_t, _frame, c_void_p),
    "error": ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t, c_void_p),
}

# Functions that take a session first: the types of the other arguments, and of the result.
_FUNCTIONS = {
    "nghttp2_session_mem_recv": ([c_char_p, c_size_t], c_ssize_t),
    "nghttp2_session_mem_send": ([POINTER(c_void_p)], c_ssize_t),
    "nghttp2_session_want_read": ([], c_int),
    "nghttp2_session_want_write": ([], c_int),
    "nghttp2_session_resume_data": ([c_int32], c_int),
    "nghttp2_session_get_local_window_size": ([], c_int32),
    "nghttp2_session_get_stream_local_window_size": ([c_int32], c_int32),
    "nghttp2_submit_request": (
        [POINTER(Priority), POINTER(Field), c_size_t, POINTER(DataSource), c_void_p],
        c_int32,
    ),
    "nghttp2_submit_trailer": ([c_int32, POINTER(Field), c_size_t], c_int),
    "nghttp2_submit_priority": ([c_uint8, c_int32, POINTER(Priority)], c_int),
    "nghttp2_submit_rst_stream": ([c_uint8, c_int32, c_uint32], c_int),
    "nghttp2_submit_settings": ([c_uint8, POINTER(Setting), c_size_t], c_int),
    "nghttp2_submit_ping": ([c_uint8, c_char_p], c_int),
    "nghttp2_submit_goaway": ([c_uint8, c_int32, c_uint32, c_char_p, c_size_t], c_int),
    "nghttp2_submit_window_update": ([c_uint8, c_int32, c_int32], c_int),
    "nghttp2_submit_extension": ([c_uint8, c_uint8, c_int32, c_void_p], c_int),
    "nghttp2_session_del": ([], None),
}


def load():
    """Return the library, or exit with NO_LIBRARY."""
    for name in (ctypes.util.find_library("nghttp2"), "libnghttp2.so.14", "libnghttp2.dylib"):
        try:
            library = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if library:
            break
    else:
        print("libnghttp2 is not installed")
        sys.exit(NO_LIBRARY)
    for name, (arguments, result) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes, function.restype = [c_void_p, *arguments], result
    library.nghttp2_strerror.restype = c_char_p
    return library


def fields(pairs, flags=0):
    """Return an array of header fields."""
    return (Field * len(pairs))(*(Field(n, v, len(n), len(v), flags) for n, v in pairs))
