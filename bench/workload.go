package main

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// workload is a kind of load on a server.
type workload struct {
	group       *group
	name        string
	connections int
	// newCaller returns the caller of a connection, numbered from 0.
	newCaller func(c client, number int) caller
}

// group is a set of workloads that are reported in one table.
type group struct {
	title string
	about string
	// unit is counted: events or reads.
	unit string
	// preloaded workloads read a store that is created once for each server and
	// kept for all rounds; the others write to an empty one.
	preloaded bool
}

var (
	appends = &group{title: "Appends", unit: "events",
		about: "Each connection sends its next append after the response to the last one. Every store starts empty."}
	conditionals = &group{title: "Conditional appends", unit: "events",
		about: "The same, on condition that no event after the connection's last one has this type and this tag. Each append has a new tag."}
	scans = &group{title: "Reading everything", unit: "events", preloaded: true,
		about: "Forwards, from the first event to the last, repeatedly. The latency is that of a complete read."}
	lookups = &group{title: "Reading by tag", unit: "reads", preloaded: true,
		about: "All events with one tag, which is chosen at random for each read."}
)

// workloads returns the workloads of the options, in the order of the report.
func (o *options) workloads() []workload {
	var all []workload
	add := func(g *group, what string, s shape, newCaller func(c client, number int) caller) {
		name := fmt.Sprintf("%s, %s", what, plural(s.connections, "connection"))
		all = append(all, workload{g, name, s.connections, newCaller})
	}
	for _, s := range o.appends {
		add(appends, plural(s.events, "event"), s, func(c client, number int) caller {
			return newAppender(c, o, s.events, number)
		})
	}
	for _, s := range o.conditional {
		add(conditionals, plural(s.events, "event"), s, func(c client, number int) caller {
			return &conditionalAppender{appender: newAppender(c, o, s.events, number)}
		})
	}
	for _, s := range o.scans {
		add(scans, "all events", s, func(c client, _ int) caller {
			return &scanner{client: c, expected: int64(o.preload)}
		})
	}
	for _, s := range o.lookups {
		add(lookups, fmt.Sprintf("%d of %s", o.perTag, plural(o.preload, "event")), s, func(c client, number int) caller {
			return newFinder(c, o, number)
		})
	}
	return all
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(float64(n)) + " " + noun + "s"
}

// maxPreloadBatch is a number of events in a request that every server accepts.
const maxPreloadBatch = 1000

// preload fills an empty store. The events of a customer are far apart.
func preload(ctx context.Context, c client, o *options) error {
	random := rand.New(rand.NewPCG(0, 0))
	for next := 0; next < o.preload; {
		events := make([]event, min(maxPreloadBatch, o.preload-next))
		for i := range events {
			events[i] = event{uint64(next % o.tags()), uint64(next), random.Uint64(), random.Uint64()}
			next++
		}
		if _, err := c.append(ctx, events, nil); err != nil {
			return err
		}
	}
	return nil
}
