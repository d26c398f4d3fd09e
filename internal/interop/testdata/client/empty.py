"""Checks of an empty store."""

from checks import check, equal


@check
def an_empty_store_has_no_head(server):
    client = server.client()
    equal(client.head(), None)
    response = client.read()
    equal(list(response), [])
    equal(response.head(), None)


@check
def an_empty_store_has_no_tracking(server):
    equal(server.client().get_tracking_info("upstream"), None)
