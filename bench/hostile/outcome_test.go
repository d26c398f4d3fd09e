package main

import (
	"errors"
	"testing"
	"time"
)

func testRecords(kind, calls int, took time.Duration, err error) (records []record) {
	for range calls {
		records = append(records, record{kind: kind, took: took, err: err})
	}
	return records
}

func TestFailures(t *testing.T) {
	b := bounds{late: time.Second, share: 0.95, peak: 700 * mebibyte, rest: 128 * mebibyte, stop: 20 * time.Second}
	good := func() []record {
		var calls []record
		for kind := range kinds {
			calls = append(calls, testRecords(kind, 100, time.Millisecond, nil)...)
		}
		return calls
	}
	for name, c := range map[string]struct {
		calls    []record
		outcome  outcome
		failures int
	}{
		"nothing happened":           {calls: good(), outcome: outcome{BeforeMiB: 20, PeakMiB: 100, RestMiB: 100, StopAfter: 1}},
		"some reads are late":        {calls: append(good(), testRecords(2, 5, 2*time.Second, nil)...)},
		"too many reads are late":    {calls: append(good(), testRecords(2, 6, 2*time.Second, nil)...), failures: 1},
		"some reads fail":            {calls: append(testRecords(2, 5, 0, errors.New("x")), good()...)},
		"one append fails":           {calls: append(testRecords(0, 1, 0, errors.New("x")), good()...), failures: 1},
		"an append is lost":          {calls: good(), outcome: outcome{Lost: 1}, failures: 1},
		"it uses too much memory":    {calls: good(), outcome: outcome{PeakMiB: 701}, failures: 1},
		"it keeps too much memory":   {calls: good(), outcome: outcome{BeforeMiB: 20, RestMiB: 149}, failures: 1},
		"it stops too late":          {calls: good(), outcome: outcome{StopAfter: 20.5}, failures: 1},
		"there were no calls at all": {failures: 1},
	} {
		c.outcome.judgeCalls(c.calls, b)
		c.outcome.judgeServer(b)
		if len(c.outcome.Failures) != c.failures {
			t.Errorf("%s: failures are %q", name, c.outcome.Failures)
		}
	}
}

func TestPercentile(t *testing.T) {
	var calls []record
	for n := range 100 {
		calls = append(calls, record{took: time.Duration(n+1) * time.Millisecond})
	}
	for p, want := range map[float64]float64{50: 50, 99: 99, 99.5: 100, 100: 100} {
		if got := percentile(calls, p); got != want {
			t.Errorf("percentile %v is %v ms, want %v", p, got, want)
		}
	}
}

func TestAttackNamesAreUnique(t *testing.T) {
	for i := range attacks {
		if attackNamed(attacks[i].name) != &attacks[i] {
			t.Errorf("two attacks are named %q", attacks[i].name)
		}
	}
}

func TestShortTagsAreUnique(t *testing.T) {
	seen := map[string]int{}
	for n := range 300_000 {
		tag := shortTag(n)
		if other, twice := seen[tag]; twice {
			t.Fatalf("%d and %d have the tag %q", other, n, tag)
		}
		seen[tag] = n
	}
}
