"""Checks of health, the API key, and TLS."""

from umadb import AuthenticationError, Client, ServingStatus, TransportError

from checks import check, equal, event, fresh, raises


@check
def health_is_serving(server):
    client = server.client()
    for service in "", "umadb.v1.DCB":
        equal(client.check_health(service), ServingStatus.SERVING)
        watch = client.watch_health(service)
        equal(next(watch), ServingStatus.SERVING)
        watch.cancel()


@check
def health_needs_no_key(server):
    equal(server.client(api_key=None).check_health(), ServingStatus.SERVING)


@check
def every_call_needs_the_key(server):
    if server.api_key is None:
        return
    for key in None, "", server.api_key + "x", server.api_key[:-1]:
        client = server.client(api_key=key)
        calls = [
            lambda: client.append([event(fresh())]),
            lambda: list(client.read()),
            lambda: next(client.subscribe()),
            lambda: client.head(),
            lambda: client.get_tracking_info("upstream"),
        ]
        for call in calls:
            with raises(AuthenticationError, base=PermissionError, begins="authentication error: "):
                call()


@check
def a_plain_client_cannot_talk_to_a_tls_server(server):
    if server.ca_path is None:
        return
    try:
        head = Client(server.url.replace("https://", "http://")).head()
    except Exception:  # the released client has no single exception type for this
        return
    raise AssertionError(f"head without TLS is {head}")


@check
def an_unknown_authority_is_refused(server):
    if server.ca_path is None:
        return
    with raises(TransportError):
        server.client(ca_path=None).head()
