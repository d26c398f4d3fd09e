package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// bounds are the requirements on the steady client and the server during an attack.
type bounds struct {
	late  time.Duration // a call that takes longer counts as missed
	share float64       // of the calls of each kind that must not be missed
	peak  int64         // bytes of resident memory
	rest  int64         // bytes of memory that may remain in addition to those before the attack; 0: not checked
	stop  time.Duration // from SIGTERM to the exit
}

// outcome is the result of one attack on one server.
type outcome struct {
	Attack string `json:"attack"`
	TLS    bool   `json:"tls"`

	Kinds         map[string]figures `json:"kinds"`
	InTime        float64            `json:"in_time"` // share of all calls
	Worst         string             `json:"worst"`   // kind with the smallest share
	AppendsFailed int                `json:"appends_failed"`
	Lost          int64              `json:"appends_lost"`

	BeforeMiB int64   `json:"before_mib"`
	PeakMiB   int64   `json:"peak_mib"`
	RestMiB   int64   `json:"rest_mib"`
	RestAfter float64 `json:"rest_after_s"`
	StopAfter float64 `json:"stop_after_s"`

	Load     float64        `json:"load_average"`
	Attacked map[string]int `json:"attacked"` // calls and connections of the attackers by outcome
	Failures []string       `json:"failures,omitempty"`
}

// figures describe the calls of one kind.
type figures struct {
	Calls   int     `json:"calls"`
	Failed  int     `json:"failed"`
	InTime  float64 `json:"in_time"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Slowest float64 `json:"slowest_ms"`
	Error   string  `json:"error,omitempty"` // of one call that failed
}

func (o *outcome) fail(format string, args ...any) {
	o.Failures = append(o.Failures, fmt.Sprintf(format, args...))
}

// summarize returns the figures of calls that are ordered by duration.
func summarize(calls []record, late time.Duration) figures {
	f := figures{Calls: len(calls), P50: percentile(calls, 50), P99: percentile(calls, 99), Slowest: percentile(calls, 100)}
	missed := 0
	for _, c := range calls {
		if c.err != nil {
			f.Failed++
			f.Error = c.err.Error()
		}
		if c.err != nil || c.took > late {
			missed++
		}
	}
	if len(calls) > 0 {
		f.InTime = 1 - float64(missed)/float64(len(calls))
	}
	return f
}

// percentile returns the duration in milliseconds that p percent of the calls, which
// are ordered by duration, do not exceed.
func percentile(calls []record, p float64) float64 {
	if len(calls) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(calls))))
	return float64(calls[max(rank, 1)-1].took.Microseconds()) / 1000
}

// judgeCalls records the figures of the steady client and their failures.
func (o *outcome) judgeCalls(calls []record, b bounds) {
	o.Kinds = make(map[string]figures)
	o.InTime = summarize(calls, b.late).InTime
	var missed, example string
	for i, kind := range kinds {
		own := slices.DeleteFunc(slices.Clone(calls), func(r record) bool { return r.kind != i })
		f := summarize(own, b.late)
		o.Kinds[kind.name] = f
		if o.Worst == "" || f.InTime < o.Kinds[o.Worst].InTime {
			o.Worst = kind.name
		}
		if f.InTime < b.share {
			missed += fmt.Sprintf(", %s %.1f %%", kind.name, 100*f.InTime)
		}
		if kind.appends {
			o.AppendsFailed += f.Failed
		}
		if f.Failed > 0 && (example == "" || kind.appends) {
			example = fmt.Sprintf("; a failed %s: %s", kind.name, f.Error)
		}
	}
	if missed != "" {
		o.fail("within %v only%s%s", b.late, missed[1:], example)
	}
	if o.AppendsFailed > 0 {
		o.fail("%d appends failed%s", o.AppendsFailed, example)
	}
}

// judgeServer records the failures in the figures of the server.
func (o *outcome) judgeServer(b bounds) {
	if o.PeakMiB*mebibyte > b.peak {
		o.fail("memory reached %d MiB, over %d", o.PeakMiB, b.peak/mebibyte)
	}
	if b.rest > 0 && (o.RestMiB-o.BeforeMiB)*mebibyte > b.rest {
		o.fail("memory was %d MiB before and %d MiB %.0f s after", o.BeforeMiB, o.RestMiB, o.RestAfter)
	}
	if o.Lost > 0 {
		o.fail("%d acknowledged appends are lost", o.Lost)
	}
	if o.StopAfter > b.stop.Seconds() {
		o.fail("SIGTERM took %.1f s, over %v", o.StopAfter, b.stop)
	}
}

// attacked lists the outcomes of the attackers' calls and connections.
func (o *outcome) attacked() (text string) {
	for _, name := range slices.Sorted(maps.Keys(o.Attacked)) {
		text += fmt.Sprintf(" %s %d", name, o.Attacked[name])
	}
	return text
}
