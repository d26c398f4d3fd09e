package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options contains the flags.
type options struct {
	servers string
	name    string

	rounds   int
	warmup   time.Duration
	duration time.Duration

	appends     shapes
	shared      shapes
	conditional shapes
	decisions   shapes
	scans       shapes
	lookups     shapes
	searches    shapes
	mixed       shapes
	subscribers shapes
	python      shapes

	growth sizes // replaces the workloads

	dataBytes int
	preload   int
	perTag    int

	dir, cache, out, flameDir string
}

// shape is the number of events in a call and the number of connections, each
// with one call at a time.
type shape struct{ events, connections int }

// shapes is a flag with a list of shapes, such as "1x64,1000x4".
type shapes []shape

func parseOptions(args []string) (options, error) {
	o := options{
		appends:     shapes{{1, 1}, {1, 4}, {1, 16}, {1, 64}, {1, 256}, {10, 64}, {100, 16}, {1000, 4}},
		shared:      shapes{{1, 64}},
		conditional: shapes{{1, 64}},
		decisions:   shapes{{0, 16}},
		scans:       shapes{{0, 1}},
		lookups:     shapes{{0, 1}, {0, 16}},
		searches:    shapes{{0, 16}},
		mixed:       shapes{{0, 16}},
		subscribers: shapes{{0, 1}, {0, 100}, {0, 1000}},
		python:      shapes{{0, 1}, {0, 32}},
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.servers, "servers", "ours,rust", "`list` of servers, each NAME (ours, embedded, rust, tephra, postgres) or NAME=COMMAND; the first is compared with each of the others")
	f.BoolFunc("quick", "one round with short windows and a small store, without Python, to see that everything works; flags after it override", func(string) error {
		o.python = nil
		o.rounds, o.warmup, o.duration, o.preload = 1, 300*time.Millisecond, time.Second, 20_000
		return nil
	})
	only := f.String("only", "", "`list` of the flags of workloads that apply, such as appends,lookups; the others are skipped")
	f.StringVar(&o.name, "name", "", "`name` of the result; default: the servers' names")
	f.IntVar(&o.rounds, "rounds", 5, "`number` of measurements of each workload on each server")
	f.DurationVar(&o.warmup, "warmup", time.Second, "`time` under load before a measurement")
	f.DurationVar(&o.duration, "duration", 3*time.Second, "`time` of a measurement")
	f.Var(&o.appends, "appends", "`shapes` of plain appends, EVENTSxCONNECTIONS; empty for none")
	f.Var(&o.shared, "shared", "`shapes` of plain appends on one connection, EVENTSxCALLERS")
	f.Var(&o.conditional, "conditional", "`shapes` of conditional appends, EVENTSxCONNECTIONS")
	f.Var(&o.decisions, "decisions", "`list` of numbers of connections that read and append conditionally")
	f.Var(&o.scans, "scans", "`list` of numbers of connections that read the whole store")
	f.Var(&o.lookups, "lookups", "`list` of numbers of connections that read the events of a tag")
	f.Var(&o.searches, "searches", "`list` of numbers of connections that read by two tags, by type, or the last event of a tag")
	f.Var(&o.mixed, "mixed", "`list` of numbers of connections that append or read beside 4 that do the other")
	f.Var(&o.subscribers, "subscribers", "`list` of numbers of live subscribers")
	f.Var(&o.python, "python", "`list` of numbers of threads of Python processes that append")
	f.Var(&o.growth, "growth", "`list` of numbers of events: measure stores that grow to these sizes, instead of the workloads")
	f.IntVar(&o.dataBytes, "data", 150, "`bytes` of data in an event")
	f.IntVar(&o.preload, "preload", 200_000, "`events` in the store of the reading workloads")
	f.IntVar(&o.perTag, "per-tag", 10, "`events` with the same tag")
	f.StringVar(&o.dir, "dir", filepath.Join(".cache", "bench"), "`directory` for the stores, on the file system to measure")
	f.StringVar(&o.cache, "cache", ".cache", "`directory` for the servers that are installed")
	f.StringVar(&o.out, "out", filepath.Join("bench", "results"), "`directory` for the results")
	f.StringVar(&o.flameDir, "flames", "", "`directory` for flame graphs of the servers' CPU time; recording them costs some of it")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag", f.Arg(0))
	}
	if err := o.keepOnly(*only); err != nil {
		return o, err
	}
	return o, o.validate()
}

// workloadFlags returns the shapes by the names of their flags.
func (o *options) workloadFlags() map[string]*shapes {
	return map[string]*shapes{
		"appends": &o.appends, "shared": &o.shared, "conditional": &o.conditional, "decisions": &o.decisions,
		"scans": &o.scans, "lookups": &o.lookups, "searches": &o.searches, "mixed": &o.mixed, "subscribers": &o.subscribers,
		"python": &o.python,
	}
}

// keepOnly removes the workloads whose flag is not in the list, unless it is empty.
func (o *options) keepOnly(list string) error {
	if list == "" {
		return nil
	}
	kept := strings.Split(list, ",")
	flags := o.workloadFlags()
	for _, name := range kept {
		if flags[name] == nil {
			return fmt.Errorf("-only: %q is not a flag of workloads", name)
		}
	}
	for name, s := range flags {
		if !slices.Contains(kept, name) {
			*s = nil
		}
	}
	return nil
}

func (o *options) validate() error {
	switch {
	case o.rounds < 1 || o.duration <= 0 || o.warmup < 0:
		return fmt.Errorf("-rounds and -duration must be positive, and -warmup must not be negative")
	case o.dataBytes < 0 || o.dataBytes > 1<<16:
		return fmt.Errorf("-data must be between 0 and 65536")
	case o.perTag < 1 || o.preload < o.perTag || o.preload%o.perTag != 0:
		return fmt.Errorf("-preload must be a multiple of -per-tag, and both must be positive")
	case len(o.growth) > 0 && o.growth[0] < o.perTag:
		return fmt.Errorf("-growth must not be less than -per-tag")
	case strings.ContainsAny(o.name, `/\`):
		return fmt.Errorf("-name must not contain a slash: it is a file name in -out")
	}
	for _, s := range slices.Concat(o.appends, o.shared, o.conditional) {
		if s.events < 1 {
			return fmt.Errorf("-appends, -shared and -conditional take EVENTSxCONNECTIONS, such as 10x64")
		}
	}
	for _, s := range slices.Concat(o.decisions, o.scans, o.lookups, o.searches, o.mixed, o.subscribers, o.python) {
		if s.events != 0 {
			return fmt.Errorf("the flags of reads, decisions, subscribers and Python take numbers of connections, such as 1,16")
		}
	}
	return nil
}

// tags returns the number of tags in the preloaded store.
func (o *options) tags() int { return o.preload / o.perTag }

// parameters returns the options that apply to all measurements.
func (o *options) parameters() parameters {
	return parameters{
		Rounds:        o.rounds,
		WarmupSeconds: o.warmup.Seconds(),
		WindowSeconds: o.duration.Seconds(),
		DataBytes:     o.dataBytes,
		PreloadEvents: o.preload,
		EventsPerTag:  o.perTag,
	}
}

func (s shapes) String() string {
	var parts []string
	for _, each := range s {
		part := strconv.Itoa(each.connections)
		if each.events > 0 {
			part = fmt.Sprintf("%dx%d", each.events, each.connections)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

// Set parses a list; an empty list skips the workload.
func (s *shapes) Set(text string) error {
	*s = nil
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		var each shape
		var err error
		events, connections, both := strings.Cut(part, "x")
		if !both {
			connections = events
		} else if each.events, err = strconv.Atoi(events); err != nil || each.events < 1 {
			return fmt.Errorf("%q is not a number of events", events)
		}
		if each.connections, err = strconv.Atoi(connections); err != nil || each.connections < 1 {
			return fmt.Errorf("%q is not a number of connections", connections)
		}
		*s = append(*s, each)
	}
	return nil
}
