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
	series      string // workloads with the same one differ only in connections
	connections int
	clientsEach int // clients that share a connection
	// callers returns the callers that are measured, and those that run beside them.
	callers func(clients []client) (measured, beside []caller)
	python  *pythonLoad // instead of callers
}

// dial opens the connections of the workload, at least one.
func (w *workload) dial(ctx context.Context, p *process, dataBytes int) ([]client, error) {
	if w.python != nil {
		return dial(ctx, p, 1, 1, dataBytes) // its connections are those of the Python process
	}
	return dial(ctx, p, w.connections, w.clientsEach, dataBytes)
}

// apply applies the load of the workload to a running server.
func (w *workload) apply(ctx context.Context, o *options, p *process, clients []client) (window, error) {
	if w.python != nil {
		return w.python.run(ctx, o, p)
	}
	l := load{}
	l.callers, l.beside = w.callers(clients)
	return o.apply(ctx, p, &l)
}

// group is a set of workloads that are reported in one table.
type group struct {
	title string
	about string
	// unit is counted: events, or something of which each call makes one.
	unit string
	// preloaded workloads use a store with events; the others start with an empty one.
	preloaded bool
	// writes is whether preloaded workloads change their store. It is created for each of
	// them; that of the others is created once for each server, and kept for all rounds.
	writes bool
}

const unitEvents = "events"

func (g *group) countsEvents() bool { return g.unit == unitEvents }

var (
	appends = &group{title: "Appends", unit: unitEvents,
		about: "Each connection sends its next append after the response to the last one. Every store starts empty."}
	shared = &group{title: "Appends on one connection", unit: unitEvents,
		about: "Many callers share a connection, each with one append at a time. Every store starts empty."}
	conditionals = &group{title: "Conditional appends", unit: unitEvents,
		about: "Appends on condition that no event after the connection's last one has this type and this tag. Each append has a new tag, so none fails. Every store starts empty."}
	decisions = &group{title: "Decisions", unit: "decisions", preloaded: true, writes: true,
		about: "A read, and an append of one event on condition that nothing has been appended since that the read would have returned. " +
			"After a conflict both are repeated. With own tags, a connection reads the events with a tag that no other one uses, 10 or a few more, and appends the next; " +
			"nothing conflicts. With one hot tag, all connections read the last event with the same tag. Every store is new and preloaded."}
	scans = &group{title: "Reading everything", unit: unitEvents, preloaded: true,
		about: "Forwards, from the first event to the last, repeatedly. The latency is that of a complete read."}
	lookups = &group{title: "Reading by tag", unit: "reads", preloaded: true,
		about: "All events with one tag, which is chosen at random for each read."}
	searches = &group{title: "Other reads", unit: "reads", preloaded: true,
		about: "By two tags: the event with both, which are chosen at random. By type: the events of a rare type, one in 1,000. " +
			"Last: the last event with a random tag, backwards with a limit of 1."}
	mixed = &group{title: "Appends and reads at the same time", unit: "calls", preloaded: true, writes: true,
		about: "The callers of one kind are measured while 4 others run beside them, each on its own connection: appends of one event, and reads by tag as above. " +
			"The CPU time is that of both kinds together. Every store is new and preloaded."}
	deliveries = &group{title: "Live subscriptions", unit: unitEvents,
		about: "One connection appends an event, and the next one when all subscribers have received it; each subscriber has its own connection. " +
			"The events are the deliveries. The latency is that from the start of the append to a delivery."}
	pythons = &group{title: "Python packages", unit: unitEvents,
		about: "Appends of one event by a Python process, whose threads share a client: our package, powered by Go, and the released one, powered by Rust. " +
			"The client's CPU time is that of the Python process. Every store starts empty."}
)

// groups are all groups, in the order of the report.
var groups = []*group{appends, shared, conditionals, decisions, scans, lookups, searches, mixed, deliveries, pythons}

// besideCallers is the number of callers that run beside the measured ones.
const besideCallers = 4

// each returns the callers of a workload in which each client has one of the same kind,
// numbered from 0.
func each(newCaller func(c client, number int) caller) func(clients []client) (measured, beside []caller) {
	return func(clients []client) (measured, beside []caller) {
		for number, c := range clients {
			measured = append(measured, newCaller(c, number))
		}
		return measured, nil
	}
}

// workloads returns the workloads of the options, in the order of the report.
func (o *options) workloads() []workload {
	var all []workload
	add := func(g *group, what string, connections int, newCaller func(c client, number int) caller) {
		name := fmt.Sprintf("%s, %s", what, plural(connections, "connection"))
		all = append(all, workload{group: g, name: name, series: what, connections: connections, clientsEach: 1, callers: each(newCaller)})
	}
	for _, s := range o.appends {
		add(appends, plural(s.events, "event"), s.connections, func(c client, number int) caller {
			return newAppender(c, o, s.events, number)
		})
	}
	for _, s := range o.shared {
		name := fmt.Sprintf("%s, %s", plural(s.events, "event"), plural(s.connections, "caller"))
		all = append(all, workload{group: shared, name: name, series: name, connections: 1, clientsEach: s.connections, callers: each(func(c client, number int) caller {
			return newAppender(c, o, s.events, number)
		})})
	}
	for _, s := range o.conditional {
		add(conditionals, plural(s.events, "event"), s.connections, func(c client, number int) caller {
			return &conditionalAppender{appender: newAppender(c, o, s.events, number)}
		})
	}
	for _, s := range o.decisions {
		add(decisions, "own tags", s.connections, func(c client, number int) caller { return newOwnDecider(c, o, number, s.connections) })
		add(decisions, "one hot tag", s.connections, func(c client, number int) caller { return newHotDecider(c, o, number) })
	}
	for _, s := range o.scans {
		add(scans, "all events", s.connections, func(c client, _ int) caller {
			return &scanner{client: c, expected: int64(o.preload)}
		})
	}
	for _, s := range o.lookups {
		add(lookups, fmt.Sprintf("%d of %s", o.perTag, plural(o.preload, "event")), s.connections, func(c client, number int) caller {
			return newFinder(c, o, number)
		})
	}
	for _, s := range o.searches {
		add(searches, "by two tags", s.connections, func(c client, number int) caller { return newPairFinder(c, o, number) })
		add(searches, "by type", s.connections, func(c client, _ int) caller { return newTypeFinder(c, o) })
		add(searches, "last", s.connections, func(c client, number int) caller { return newLastFinder(c, o, number) })
	}
	for _, s := range o.mixed {
		all = append(all, o.mixedWorkloads(s.connections)...)
	}
	for _, s := range o.subscribers {
		all = append(all, workload{group: deliveries, name: plural(s.connections, "subscriber"), series: "subscribers", connections: 1 + s.connections, clientsEach: 1,
			callers: func(clients []client) (measured, beside []caller) {
				return []caller{newBroadcaster(clients[0], clients[1:])}, nil
			}})
	}
	for _, s := range o.python {
		all = append(all, o.pythonWorkloads(s.connections)...)
	}
	return all
}

// mixedWorkloads returns the workloads with appends beside reads and the reverse.
func (o *options) mixedWorkloads(connections int) []workload {
	newAppender := func(c client, number int) caller {
		a := newAppender(c, o, 1, number)
		a.firstCustomer = a.tags // the readers know how many events those before it have
		return a
	}
	newFinder := func(c client, number int) caller { return newFinder(c, o, number) }
	workloadOf := func(measured, besideThem string, newMeasured, newBeside func(c client, number int) caller) workload {
		name := fmt.Sprintf("%s on %s beside %d %s", measured, plural(connections, "connection"), besideCallers, besideThem)
		return workload{group: mixed, name: name, series: measured, connections: connections + besideCallers, clientsEach: 1, callers: func(clients []client) (measured, beside []caller) {
			measured, _ = each(newMeasured)(clients[besideCallers:])
			beside, _ = each(newBeside)(clients[:besideCallers])
			return measured, beside
		}}
	}
	return []workload{
		workloadOf("appends", "readers", newAppender, newFinder),
		workloadOf("reads", "writers", newFinder, newAppender),
	}
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
			events[i] = event{
				customer: uint64(next % o.tags()), order: uint64(next), rare: next%rareEvery == 0,
				high: random.Uint64(), low: random.Uint64(),
			}
			next++
		}
		if _, err := c.append(ctx, events, nil); err != nil {
			return err
		}
	}
	return nil
}
