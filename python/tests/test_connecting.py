"""Tests of opening and closing a Client; URLs, keys, TLS and health."""

import asyncio
import os
import threading
import time

import pytest
from certificates import make_certificate
from processes import reserved_port
from stores import events, positions, run_rust_server, silent_server

import umadb.aio
from umadb import AuthenticationError, CancelledByUserError, Client, ServingStatus, TrackingInfo, TransportError
from umadb.pytest_plugin import run_server

KEY = "umadb:example-api-key"


def test_close_ends_everything_and_can_be_repeated(store):
    client = store.connect()
    client.append(events(3000))
    reading, following, idle = client.read(), client.subscribe(), client.read()
    next(reading), next(following)
    client.close()
    client.close()
    for stream in (reading, following, idle, client.read(), client.subscribe(), client.read(subscribe=True)):
        for call in (lambda s=stream: next(s), stream.next_batch):
            with pytest.raises(CancelledByUserError):
                call()
    with pytest.raises(CancelledByUserError):
        reading.head()
    for call in (
        client.head,
        lambda: client.append(events(1)),
        lambda: client.get_tracking_info("up"),
        client.check_health,
    ):
        with pytest.raises(RuntimeError, match="closed"):
            call()
    with pytest.raises(CancelledByUserError):
        next(client.watch_health())


def test_context_manager_closes_the_client(store):
    with store.connect() as client:
        client.append(events(1))
    with pytest.raises(RuntimeError, match="closed"):
        client.head()


def test_repr(store):
    with store.connect() as client:
        assert repr(client) == f"Client({store.url!r})"


def test_health(client):
    assert client.check_health() is ServingStatus.SERVING
    watch = client.watch_health()
    assert iter(watch) is watch
    assert next(watch) is ServingStatus.SERVING
    thread = threading.Timer(0.1, watch.cancel)
    thread.start()
    with pytest.raises(CancelledByUserError):
        next(watch)
    with pytest.raises((ValueError, RuntimeError)):
        client.check_health("nonsense")
    with pytest.raises(TypeError):
        client.check_health(b"")
    with pytest.raises(TypeError):
        client.watch_health(None)


def test_health_watch_reports_server_shutdown(tmp_path):
    with run_server(tmp_path / "s") as url:
        client = Client(url)
        watch = client.watch_health()
        assert next(watch) is ServingStatus.SERVING
        statuses = []
        thread = threading.Thread(target=lambda: statuses.extend(watch))
        thread.start()
    thread.join(10)
    assert statuses in ([ServingStatus.NOT_SERVING], [])


def fail_to_connect(*arguments):
    """Create a client for each tuple of arguments concurrently, and check that all fail within seconds."""
    errors = []

    def connect(arguments):
        try:
            Client(*arguments)
        except TransportError as error:
            errors.append(error)

    start = time.monotonic()
    threads = [threading.Thread(target=connect, args=(a,)) for a in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == len(arguments)
    assert time.monotonic() - start < 6


def test_connecting_to_no_server_and_to_silent_server_fails():
    with silent_server() as url, reserved_port() as port:
        fail_to_connect((f"http://127.0.0.1:{port}",), (url,))


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://127.0.0.1:1", "http://", "127.0.0.1:50051", "http://a b"]
)
def test_invalid_urls(url):
    with pytest.raises((ValueError, TransportError)):
        Client(url)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"url": 1}, TypeError),
        ({"url": None}, TypeError),
        ({"url": b"http://127.0.0.1:1"}, TypeError),
        ({"ca_path": 1}, TypeError),
        ({"api_key": 1}, TypeError),
        ({"client_cert": 1}, TypeError),
        ({"client_cert": "client.pem"}, ValueError),
        ({"client_key": "client.key"}, ValueError),
        ({"batch_size": -1}, ValueError),
        ({"batch_size": 2**32}, ValueError),
        ({"batch_size": "1"}, TypeError),
        ({"batch_size": 1.5}, TypeError),
        ({"url": "file:a\0b"}, ValueError),
    ],
    ids=str,
)
def test_invalid_arguments(arguments, error, tmp_path):
    with pytest.raises(error, match=next(iter(arguments)) if "url" not in arguments else None):
        Client(**({"url": f"file:{tmp_path}/s"} | arguments))


def test_batch_size_with_thousands_of_digits(tmp_path):
    with pytest.raises(ValueError, match="^batch_size must be "):
        Client.open(tmp_path / "s", batch_size=10**5000)


def test_http_and_grpc_urls(tmp_path):
    with run_server(tmp_path / "s") as url:
        for scheme in ("http", "grpc"):
            with Client(url.replace("http", scheme)) as client:
                assert client.check_health() is ServingStatus.SERVING


def test_embedded_urls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url in ("file:store", "file:./store", f"file:{tmp_path}/store", f"file://{tmp_path}/store"):
        with Client(url) as client:
            client.append(events(1))
    for path in ("store", tmp_path / "store", "./store", f"/{tmp_path}/store"):
        with Client.open(path, batch_size=2) as client:
            client.append(events(1))
            assert len(client.read().next_batch()) == 2
    with Client("file:store") as client:
        assert client.head() == 8
    with pytest.raises(TypeError, match="path"):
        Client.open(b"store")


def test_stores_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Client("memory:") as one, Client("memory:?uuid_type=UUID", batch_size=2) as other:
        assert one.append(events(3)) == 3
        assert other.head() is None
        assert other.append(events(3)) == 3
        assert positions(other.read().next_batch()) == [1, 2]
        assert one.check_health() is ServingStatus.SERVING
    with Client("memory:") as client:
        assert client.head() is None
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="has no name"):
        Client("memory:courses")


def test_directory_can_be_opened_only_once(tmp_path):
    with Client.open(tmp_path / "s"):
        with pytest.raises(OSError, match="^io error: "):
            Client.open(tmp_path / "s")
    Client.open(tmp_path / "s").close()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="^invalid argument: "):
        Client.open(tmp_path / "file")


def test_directory_can_be_read_beside_another_client(tmp_path):
    url = f"file:{tmp_path}/s?mode=ro"
    with pytest.raises(ValueError, match="there is no store"):
        Client(url)
    with Client.open(tmp_path / "s") as writer, Client(url) as reader, Client(f"{url}&uuid_type=UUID") as other:
        assert reader.head() is None
        writer.append(events(3, "a"), tracking_info=TrackingInfo("up", 2))
        assert reader.head() == 3
        assert reader.get_tracking_info("up") == 2
        assert positions(other.read()) == [1, 2, 3]
        subscription = reader.subscribe(after=3)
        writer.append(events(1))
        assert next(subscription).position == 4
        with pytest.raises(ValueError, match="read-only"):
            reader.append(events(1))
    for wrong in ("http://127.0.0.1:1?mode=ro", f"file:{tmp_path}/s?mode=rw"):
        with pytest.raises(ValueError, match="mode"):
            Client(wrong)


def test_unreferenced_client_is_closed(tmp_path):
    for _ in range(3):
        client = Client.open(tmp_path / "s")
        client.append(events(1))
        stream = client.subscribe()
        del client
        next(stream)
        del stream


@pytest.fixture(params=["server", "rust"])
def secure_server(request, tmp_path):
    """The URL and the certificate file of a server with TLS and a key."""
    certificate, key = make_certificate(tmp_path)
    options = ("--tls-cert", str(certificate), "--tls-key", str(key), "--api-key", KEY)
    if request.param == "rust":
        if "UMADB_TEST_RUST_SERVER" not in os.environ:
            pytest.skip("UMADB_TEST_RUST_SERVER does not name the released server")
        with run_rust_server(tmp_path / "s", *options) as url:
            yield url.replace("http", "https"), certificate
    else:
        with run_server(tmp_path / "s", *options) as url:
            yield url, certificate


def test_tls_and_key(secure_server):
    url, certificate = secure_server
    for address in (url, url.replace("127.0.0.1", "localhost"), url.replace("https", "grpcs")):
        for ca_path in (str(certificate), certificate):
            with Client(address, ca_path, KEY) as client:
                position = client.append(events(1))
                assert positions(client.read(start=position)) == [position]
                assert next(client.subscribe(after=position - 1)).position == position
                assert client.check_health() is ServingStatus.SERVING


@pytest.mark.parametrize("key", [None, "", "wrong", KEY + "x"])
def test_missing_or_wrong_key(secure_server, key):
    url, certificate = secure_server
    with Client(url, str(certificate), key) as client:
        for call in (
            client.head,
            lambda: client.append(events(1)),
            lambda: client.get_tracking_info("up"),
            lambda: list(client.read()),
            lambda: client.read().head(),
            lambda: next(client.subscribe()),
        ):
            with pytest.raises(AuthenticationError, match="^authentication error: "):
                call()
        assert client.check_health() is ServingStatus.SERVING


def test_unknown_authority_and_missing_tls(secure_server, request):
    url, _ = secure_server
    if request.node.callspec.params["secure_server"] == "rust":
        pytest.skip("the client behaves the same with both servers")
    fail_to_connect((url, None, KEY), (url.replace("https", "http"),))


@pytest.fixture
def mutual_server(tmp_path):
    """The URL of a server that requires client certificates, and the arguments for its clients."""
    (tmp_path / "client").mkdir()
    certificate, key = make_certificate(tmp_path)
    client_cert, client_key = make_certificate(tmp_path / "client")  # its own authority
    options = ("--tls-cert", certificate, "--tls-key", key, "--client-ca", client_cert)
    with run_server(tmp_path / "s", *map(str, options)) as url:
        yield url, {"ca_path": certificate, "client_cert": client_cert, "client_key": client_key}


def test_client_certificate(mutual_server):
    url, arguments = mutual_server
    for paths in (arguments, {name: str(path) for name, path in arguments.items()}):
        with Client(url, **paths) as client:
            position = client.append(events(1))
            assert positions(client.read(start=position)) == [position]


def test_client_certificate_with_asyncio(mutual_server):
    url, arguments = mutual_server

    async def append():
        async with umadb.aio.Client(url, **arguments) as client:
            return await client.append(events(1))

    assert asyncio.run(append()) == 1


def test_missing_or_wrong_client_certificate(mutual_server, tmp_path):
    url, arguments = mutual_server
    with pytest.raises(TransportError, match="the server requires a client certificate"):
        Client(url, arguments["ca_path"])
    other = {"client_cert": tmp_path / "server.pem", "client_key": tmp_path / "server.key"}
    with pytest.raises(TransportError, match="client certificate"):
        Client(url, **arguments | other)


def test_unusable_client_certificate(mutual_server, tmp_path):
    url, arguments = mutual_server
    (tmp_path / "empty.pem").write_text("")
    for change in (
        {"client_cert": tmp_path / "missing.pem"},
        {"client_key": tmp_path / "missing.pem"},
        {"client_cert": tmp_path / "empty.pem"},
        {"client_key": tmp_path / "server.key"},
    ):
        with pytest.raises((OSError, ValueError)) as caught:
            Client(url, **arguments | change)
        assert not isinstance(caught.value, TransportError)


def test_unusable_ca_path(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "nonsense.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"
    )
    for name in ("missing.pem", "empty.pem", "nonsense.pem", ""):
        with pytest.raises((OSError, ValueError)) as caught:
            Client("https://127.0.0.1:1", str(tmp_path / name))
        assert not isinstance(caught.value, TransportError)


def test_key_is_not_sent_over_insecure_url(tmp_path):
    with run_server(tmp_path / "s") as url, Client(url, api_key=KEY) as client:
        for call in (
            client.head,
            lambda: client.append(events(1)),
            lambda: next(client.read()),
            lambda: next(client.subscribe()),
        ):
            with pytest.raises(TransportError):
                call()


def test_error_mentions_tls_only_if_server_never_answered(tmp_path, port):
    certificate, key = make_certificate(tmp_path)
    address = "--listen", f"127.0.0.1:{port}"
    with run_server(tmp_path / "s", *address) as url:
        client = Client(url)
    with run_server(tmp_path / "s", *address, "--tls-cert", str(certificate), "--tls-key", str(key)) as url:
        plain = url.replace("https", "http")
        with pytest.raises(TransportError, match="no answer in HTTP/2, perhaps because the server uses TLS: "):
            Client(plain)
        with pytest.raises(TransportError, match="no answer in HTTP/2: ") as caught:
            client.head()
        assert "TLS" not in str(caught.value)
