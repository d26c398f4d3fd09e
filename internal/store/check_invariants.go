package store

import "slices"

// Invariant is something that is true of every store that is sound.
type Invariant struct {
	ID string `json:"id"`
	// Verifies says what has to be true.
	Verifies string `json:"verifies"`
	// Means says what it means if it is not.
	Means string `json:"means"`
	// Remedy says what to do then.
	Remedy string `json:"remedy"`
	// Unit is what is counted of what was looked at, as "group".
	Unit string `json:"unit"`
}

// What to do about damage.
const (
	logRemedy   = "the log is the truth and cannot be repaired: restore the store from a copy, or look at the disk"
	endRemedy   = "the log is the truth and cannot be repaired: restore the store from a copy; if you have put an older log there on purpose, remove the index"
	indexRemedy = "the index is derived: remove the file, and opening the store builds it again from the log"
)

// Invariants are what Check verifies, in the order in which one rests on those
// before it.
func Invariants() []Invariant { return slices.Clone(invariants) }

// What the invariants are called in reports.
const (
	invariantSegments = "segments"
	invariantGroups   = "groups"
	invariantRecords  = "records"
	invariantTracking = "tracking"
	invariantEnd      = "end"
	invariantBlocks   = "blocks"
	invariantIndex    = "index"
)

var invariants = []Invariant{
	{
		ID:       invariantSegments,
		Verifies: "every file of the log is there, and has the header that was written: its checksum, the store's identity, the segment before it",
		Means:    "a file of the log is missing, damaged, of another store, or was renamed",
		Remedy:   logRemedy,
		Unit:     "segment",
	},
	{
		ID:       invariantGroups,
		Verifies: "every commit bears its checksums and chains to the one before it, without a gap, up to the end that was written last",
		Means:    "the disk has changed, lost or misplaced what was acknowledged",
		Remedy:   logRemedy,
		Unit:     "group",
	},
	{
		ID:       invariantRecords,
		Verifies: "every event can be read, and the positions ascend by one from 1",
		Means:    "a commit was written wrongly though its checksums are right: a fault of a program or of the machine's memory, not of the disk",
		Remedy:   logRemedy,
		Unit:     "event",
	},
	{
		ID:       invariantTracking,
		Verifies: "the positions of each tracking source never go back",
		Means:    "an upstream position was recorded though a later one had been: what rests on tracking may have been done twice",
		Remedy:   logRemedy,
		Unit:     "tracking source",
	},
	{
		ID:       invariantEnd,
		Verifies: "the log reaches as far as the index, which covers only what was durable",
		Means:    "the end of the log is lost: events that were acknowledged are missing",
		Remedy:   endRemedy,
		Unit:     "block",
	},
	{
		ID:       invariantBlocks,
		Verifies: "every file of the index bears its checksums and ends with a commit of this log",
		Means:    "a file of the index is damaged, or of another store; no event is lost",
		Remedy:   indexRemedy,
		Unit:     "block",
	},
	{
		ID:       invariantIndex,
		Verifies: "the index says what the log says, all of it and nothing else: places of events, types, tags, tracking sources",
		Means:    "queries and conditions may have missed events, or found too many; no event is lost",
		Remedy:   indexRemedy,
		Unit:     "comparison",
	},
}

// Verdict is whether an invariant holds.
type Verdict string

// The verdicts.
const (
	// Holds: all of it was looked at, and it holds.
	Holds Verdict = "ok"
	// Violated: there are problems.
	Violated Verdict = "damaged"
	// NotReached: what was looked at is sound, but the rest could not be looked
	// at, for something that it rests on is damaged.
	NotReached Verdict = "not_reached"
)

// Finding is what Check found out about an invariant.
type Finding struct {
	Invariant
	Verdict  Verdict `json:"verdict"`
	Examined uint64  `json:"examined"` // how many units were looked at
}

// newFindings begins with all that is not known to be otherwise.
func newFindings() []Finding {
	all := make([]Finding, len(invariants))
	for i := range all {
		all[i] = Finding{Invariant: invariants[i], Verdict: Holds}
	}
	return all
}
