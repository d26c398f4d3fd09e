"""Checks of reading: events, their order, and the head."""

from umadb import Client, Query, QueryItem, TransportError

from checks import check, equal, event, fresh, positions, raises, tagged, typed


def three(client):
    """Appends three events and returns their tag and positions."""
    tag = fresh()
    last = client.append([event(tag, "A"), event(tag, "B"), event(tag, "A")])
    return tag, [last - 2, last - 1, last]


@check
def types_are_alternatives_and_all_tags_must_match(server):
    client, a, b = server.client(), fresh("Type"), fresh("Type")
    red, blue = fresh("colour"), fresh("colour")
    one = client.append([event(red, a)])
    two = client.append([event(blue, b)])
    equal(positions(client.read(typed(a, b))), [one, two])
    equal(positions(client.read(typed(a, a))), [one])
    equal(positions(client.read(Query([QueryItem([a, b], [blue])]))), [two])
    equal(positions(client.read(Query([QueryItem([a], [blue])]))), [])
    equal(positions(client.read(tagged(red, blue))), [])


@check
def items_are_alternatives_and_an_event_is_returned_once(server):
    client = server.client()
    tag, (one, two, last) = three(client)
    query = Query([QueryItem(["B"], [tag]), QueryItem(tags=[tag]), QueryItem(["A"], [tag])])
    equal(positions(client.read(query)), [one, two, last])


@check
def terms_match_exactly(server):
    client = server.client()
    tag, _ = three(client)
    for other in tag.upper(), tag[:-1], tag + "0", " " + tag:
        equal(positions(client.read(tagged(other))), [])


@check
def no_query_and_empty_queries_read_everything(server):
    client = server.client()
    _, (one, two, last) = three(client)
    for query in None, Query(), Query([]), Query([QueryItem()]):
        equal(positions(client.read(query, start=one)), [one, two, last])
    equal(positions(client.read()), list(range(1, last + 1)))


@check
def start_is_inclusive_forwards(server):
    client = server.client()
    tag, (one, two, last) = three(client)
    equal(positions(client.read(tagged(tag), start=two)), [two, last])
    equal(positions(client.read(tagged(tag), start=0)), [one, two, last])
    equal(positions(client.read(tagged(tag), start=last + 1)), [])


@check
def start_is_inclusive_backwards(server):
    client = server.client()
    tag, (one, two, last) = three(client)
    equal(positions(client.read(tagged(tag), backwards=True)), [last, two, one])
    equal(positions(client.read(tagged(tag), start=two, backwards=True)), [two, one])
    equal(positions(client.read(tagged(tag), start=last + 9, backwards=True)), [last, two, one])
    equal(positions(client.read(tagged(tag), start=0, backwards=True)), [])


@check
def limit_ends_the_read(server):
    client = server.client()
    tag, (one, two, last) = three(client)
    equal(positions(client.read(tagged(tag), limit=2)), [one, two])
    equal(positions(client.read(tagged(tag), limit=2, backwards=True)), [last, two])
    equal(positions(client.read(tagged(tag), limit=0)), [])


@check
def head_without_limit_is_the_head_of_the_store(server):
    client = server.client()
    tag, (_, _, last) = three(client)
    client.append([event(fresh())])
    events, head = client.read(tagged(tag)).collect_with_head()
    equal((events[-1].position, head), (last, last + 1))
    response = client.read(tagged(fresh()))
    equal((list(response), response.head()), ([], last + 1))


@check
def head_with_limit_is_the_last_event_read(server):
    client = server.client()
    tag, (one, two, last) = three(client)
    equal(client.read(tagged(tag), limit=2).collect_with_head()[1], two)
    equal(client.read(tagged(tag), limit=9).collect_with_head()[1], last)
    equal(client.read(tagged(tag), limit=9, backwards=True).collect_with_head()[1], one)
    equal(client.read(tagged(fresh()), limit=9).collect_with_head()[1], None)


@check
def batches_have_the_requested_size(server):
    client, tag = server.client(batch_size=2), fresh()
    client.append([event(tag) for _ in range(5)])
    response = client.read(tagged(tag))
    sizes = []
    while batch := response.next_batch():
        sizes.append(len(batch))
    equal(sizes, [2, 2, 1])


@check
def a_long_read_is_complete_and_in_order(server):
    client, tag = server.client(), fresh()
    last = client.append([event(tag, data=bytes(100)) for _ in range(10_000)])
    want = list(range(last - 9_999, last + 1))
    equal(positions(client.read(tagged(tag))), want)
    equal(positions(client.read(tagged(tag), backwards=True)), want[::-1])


@check
def a_read_sees_one_snapshot(server):
    client, tag = server.client(batch_size=1), fresh()
    last = client.append([event(tag) for _ in range(100)])
    response = client.read(tagged(tag))
    next(response)
    client.append([event(tag)])
    equal(len(list(response)), 99)
    equal(response.head(), last)


@check
def a_cancelled_read_does_not_affect_others(server):
    client, tag = server.client(batch_size=1), fresh()
    client.append([event(tag) for _ in range(100)])
    for _ in range(20):
        response = client.read(tagged(tag))
        next(response)
        response.cancel()
    equal(len(list(client.read(tagged(tag)))), 100)


@check
def no_server_is_a_transport_error(server):
    with raises(TransportError, base=RuntimeError):
        Client("http://127.0.0.1:1").head()
