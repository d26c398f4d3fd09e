"""Checks of a store that holds nothing yet."""

from checks import check, equal


@check
def an_empty_store_has_no_head(server):
    client = server.client()
    equal(client.head(), None)
    response = client.read()
    equal(list(response), [])
    equal(response.head(), None)


@check
def an_empty_store_knows_no_source(server):
    equal(server.client().get_tracking_info("upstream"), None)
