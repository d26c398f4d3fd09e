"""Check of how open streams end when the server is stopped. It prints {"ready": true}
when the streams are open; the server must then be stopped."""

import json
import threading

from umadb import ServingStatus

from checks import equal, event, fresh, tagged


def streams_end_well_on_shutdown(server):
    client, tag = server.client(), fresh()
    client.append([event(tag)])
    subscription = client.subscribe(tagged(tag))
    next(subscription)
    watch = client.watch_health()
    equal(next(watch), ServingStatus.SERVING)

    outcome = {}
    waiting = [
        threading.Thread(target=lambda: outcome.update(events=list(subscription))),
        threading.Thread(target=lambda: outcome.update(status=next(watch))),
    ]
    for thread in waiting:
        thread.start()
    print(json.dumps({"ready": True}), flush=True)
    for thread in waiting:
        thread.join(timeout=20)
        assert not thread.is_alive(), "a stream outlived the server"
    # After an exception in a thread its outcome is missing.
    equal(outcome.get("events"), [])
    equal(outcome.get("status"), ServingStatus.NOT_SERVING)
