package main

import "context"

// maxPreloadBatch is a number of events in a request that every server accepts.
const maxPreloadBatch = 1000

// preload fills an empty store. The events of a customer are far apart.
func preload(ctx context.Context, c client, o *options) error {
	maker := newEventMaker(o.dataBytes, 0)
	var request frame
	for event := 0; event < o.preload; {
		request = request[:0]
		for end := min(event+maxPreloadBatch, o.preload); event < end; event++ {
			request = maker.appendEvent(request, uint64(event%o.tags()), uint64(event))
		}
		if _, err := c.append(ctx, &request); err != nil {
			return err
		}
	}
	return nil
}
