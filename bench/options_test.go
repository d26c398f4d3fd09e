package main

import (
	"slices"
	"testing"
	"time"
)

func TestShapes(t *testing.T) {
	var s shapes
	if err := s.Set("1x64,1000x4,16"); err != nil {
		t.Fatal(err)
	}
	if want := (shapes{{1, 64}, {1000, 4}, {0, 16}}); !slices.Equal(s, want) {
		t.Errorf("%v, want %v", s, want)
	}
	if s.String() != "1x64,1000x4,16" {
		t.Errorf("printed as %q", s.String())
	}
	if err := s.Set(""); err != nil || len(s) != 0 {
		t.Errorf("%v, %v", s, err)
	}
	for _, bad := range []string{"x", "0x1", "1x0", "-1", "1x2x3", "one"} {
		if s.Set(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestDefaultWorkloads(t *testing.T) {
	o, err := parseOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range o.workloads() {
		names = append(names, w.group.title+": "+w.name)
	}
	want := []string{
		"Appends: 1 event, 1 connection",
		"Appends: 1 event, 4 connections",
		"Appends: 1 event, 16 connections",
		"Appends: 1 event, 64 connections",
		"Appends: 1 event, 256 connections",
		"Appends: 10 events, 64 connections",
		"Appends: 100 events, 16 connections",
		"Appends: 1,000 events, 4 connections",
		"Appends on one connection: 1 event, 64 callers",
		"Conditional appends: 1 event, 64 connections",
		"Decisions: own tags, 16 connections",
		"Decisions: one hot tag, 16 connections",
		"Reading everything: all events, 1 connection",
		"Reading by tag: 10 of 200,000 events, 1 connection",
		"Reading by tag: 10 of 200,000 events, 16 connections",
		"Other reads: by two tags, 16 connections",
		"Other reads: by type, 16 connections",
		"Other reads: last, 16 connections",
		"Appends and reads at the same time: appends on 16 connections beside 4 readers",
		"Appends and reads at the same time: reads on 16 connections beside 4 writers",
		"Live subscriptions: 1 subscriber",
		"Live subscriptions: 100 subscribers",
		"Live subscriptions: 1,000 subscribers",
		"Python packages: our package, 1 thread",
		"Python packages: released package, 1 thread",
		"Python packages: our package, 32 threads",
		"Python packages: released package, 32 threads",
	}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}

func TestOnlyKeepsWorkloads(t *testing.T) {
	o, err := parseOptions([]string{"-only", "scans,lookups", "-lookups", "3"})
	if err != nil {
		t.Fatal(err)
	}
	if all := o.workloads(); len(all) != 2 || all[0].group != scans || all[1].connections != 3 {
		t.Errorf("%d workloads", len(all))
	}
}

func TestFlagsAfterQuickOverrideIt(t *testing.T) {
	o, err := parseOptions([]string{"-rounds", "7", "-quick", "-preload", "500"})
	if err != nil || o.rounds != 1 || o.preload != 500 || o.duration != time.Second {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestInvalidFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-rounds", "0"},
		{"-duration", "0s"},
		{"-data", "-1"},
		{"-preload", "15", "-per-tag", "10"},
		{"-appends", "64"},
		{"-scans", "1x1"},
		{"-name", "../elsewhere"},
		{"-only", "appends,inserts"},
		{"surplus"},
	} {
		if _, err := parseOptions(args); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
