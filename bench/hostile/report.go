package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// name returns the name of the attack, with the suffix (TLS) if TLS was used.
func (o *outcome) name() string {
	if o.TLS {
		return o.Attack + " (TLS)"
	}
	return o.Attack
}

// result returns "withstood", or all failures.
func (o *outcome) result() string {
	if len(o.Failures) == 0 {
		return "withstood"
	}
	return "FAILED: " + strings.Join(o.Failures, "; ")
}

// writeTable writes the figures of all attacks, then their failures.
func writeTable(w io.Writer, outcomes []*outcome) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "attack\tin time %\tworst\tfailed appends\tappend p50 ms\tp99 ms\tbefore MiB\tpeak MiB\trest MiB\tafter s\tSIGTERM s\tload\tresult")
	for _, o := range outcomes {
		result := "withstood"
		if len(o.Failures) > 0 {
			result = "FAILED"
		}
		appends := o.Kinds["append"]
		fmt.Fprintf(table, "%s\t%.1f\t%s %.1f\t%d\t%.0f\t%.0f\t%d\t%d\t%d\t%.0f\t%.1f\t%.1f\t%s\n",
			o.name(), 100*o.InTime, o.Worst, 100*o.Kinds[o.Worst].InTime, o.AppendsFailed, appends.P50, appends.P99,
			o.BeforeMiB, o.PeakMiB, o.RestMiB, o.RestAfter, o.StopAfter, o.Load, result)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, o := range outcomes {
		if _, err := fmt.Fprintf(w, "\n%s: %s\n  attackers:%s\n", o.name(), o.result(), o.attacked()); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, outcomes []*outcome) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(outcomes)
}
