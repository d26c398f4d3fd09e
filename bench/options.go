package main

import (
	"flag"
	"fmt"
	"path/filepath"
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
	conditional shapes
	scans       shapes
	lookups     shapes

	dataBytes int
	preload   int
	perTag    int

	dir, cache, out string
}

// shape is the number of events in a call and the number of connections, each
// with one call at a time.
type shape struct{ events, connections int }

// shapes is a flag with a list of shapes, such as "1x64,1000x4".
type shapes []shape

func parseOptions(args []string) (options, error) {
	o := options{
		appends:     shapes{{1, 1}, {1, 64}, {1, 256}, {10, 64}, {1000, 4}},
		conditional: shapes{{1, 64}},
		scans:       shapes{{0, 1}},
		lookups:     shapes{{0, 16}},
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.servers, "servers", "ours,rust", "`list` of servers, each NAME (ours, rust, tephra, postgres) or NAME=COMMAND; the first is compared with each of the others")
	f.StringVar(&o.name, "name", "", "`name` of the result; default: the servers' names")
	f.IntVar(&o.rounds, "rounds", 5, "`number` of measurements of each workload on each server")
	f.DurationVar(&o.warmup, "warmup", time.Second, "`time` under load before a measurement")
	f.DurationVar(&o.duration, "duration", 3*time.Second, "`time` of a measurement")
	f.Var(&o.appends, "appends", "`shapes` of plain appends, EVENTSxCONNECTIONS; empty for none")
	f.Var(&o.conditional, "conditional", "`shapes` of conditional appends, EVENTSxCONNECTIONS")
	f.Var(&o.scans, "scans", "`list` of numbers of connections that read the whole store")
	f.Var(&o.lookups, "lookups", "`list` of numbers of connections that read the events of a tag")
	f.IntVar(&o.dataBytes, "data", 150, "`bytes` of data in an event")
	f.IntVar(&o.preload, "preload", 200_000, "`events` in the store of the reading workloads")
	f.IntVar(&o.perTag, "per-tag", 10, "`events` with the same tag")
	f.StringVar(&o.dir, "dir", filepath.Join(".cache", "bench"), "`directory` for the stores, on the file system to measure")
	f.StringVar(&o.cache, "cache", ".cache", "`directory` for the servers that are installed")
	f.StringVar(&o.out, "out", filepath.Join("bench", "results"), "`directory` for the results")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag", f.Arg(0))
	}
	return o, o.validate()
}

func (o *options) validate() error {
	switch {
	case o.rounds < 1 || o.duration <= 0 || o.warmup < 0:
		return fmt.Errorf("-rounds and -duration must be positive, and -warmup must not be negative")
	case o.dataBytes < 0 || o.dataBytes > 1<<16:
		return fmt.Errorf("-data must be between 0 and 65536")
	case o.perTag < 1 || o.preload < o.perTag || o.preload%o.perTag != 0:
		return fmt.Errorf("-preload must be a multiple of -per-tag, and both must be positive")
	case strings.ContainsAny(o.name, `/\`):
		return fmt.Errorf("-name must not contain a slash: it is a file name in -out")
	}
	for _, s := range append(append(shapes{}, o.appends...), o.conditional...) {
		if s.events < 1 {
			return fmt.Errorf("-appends and -conditional take EVENTSxCONNECTIONS, such as 10x64")
		}
	}
	for _, s := range append(append(shapes{}, o.scans...), o.lookups...) {
		if s.events != 0 {
			return fmt.Errorf("-scans and -lookups take numbers of connections, such as 1,16")
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
