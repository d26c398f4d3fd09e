package store

import "slices"

// Invariant is a condition that every valid store meets.
type Invariant struct {
	ID string `json:"id"`
	// Verifies is the condition.
	Verifies string `json:"verifies"`
	// Means is the meaning of a violation.
	Means string `json:"means"`
	// Remedy is what to do about a violation.
	Remedy string `json:"remedy"`
	// Unit is the unit of Finding.Examined, such as "group".
	Unit string `json:"unit"`
}

// Remedies of corruption.
const (
	logRemedy   = "the log is the source of truth and cannot be rebuilt: restore a backup of the store, or repair it with a copy (umadb repair), and examine the disk"
	endRemedy   = "the log is the source of truth and cannot be rebuilt: restore a backup of the store; if you replaced the log with an older one on purpose, remove the index"
	indexRemedy = "the index is derived from the log: remove the file; opening the store rebuilds it"
)

// Invariants returns the invariants that Check verifies. Each may depend on those
// before it.
func Invariants() []Invariant { return slices.Clone(invariants) }

// IDs of the invariants.
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
		Verifies: "every file of the log exists and has the header that was written: its checksum, the store ID, the previous segment",
		Means:    "a file of the log is missing, corrupt, of another store, or was renamed",
		Remedy:   logRemedy,
		Unit:     "segment",
	},
	{
		ID:       invariantGroups,
		Verifies: "every commit matches its checksums and continues the chain of the previous one, without a gap, up to the last one written",
		Means:    "the disk has changed, lost or misplaced acknowledged data",
		Remedy:   logRemedy,
		Unit:     "group",
	},
	{
		ID:       invariantRecords,
		Verifies: "every event can be read, and the positions ascend by one from 1",
		Means:    "a commit is wrong although its checksums are right: a fault of a program or of the machine's memory, not of the disk",
		Remedy:   logRemedy,
		Unit:     "event",
	},
	{
		ID:       invariantTracking,
		Verifies: "the positions of each tracking source never decrease",
		Means:    "an upstream position was recorded after a later one: consumers that rely on tracking may have processed events twice",
		Remedy:   logRemedy,
		Unit:     "tracking source",
	},
	{
		ID:       invariantEnd,
		Verifies: "the log reaches at least as far as the index, which covers only durable commits",
		Means:    "the end of the log is lost: acknowledged events are missing",
		Remedy:   endRemedy,
		Unit:     "block",
	},
	{
		ID:       invariantBlocks,
		Verifies: "every file of the index matches its checksums and ends with a commit of this log",
		Means:    "a file of the index is corrupt or of another store; no event is lost",
		Remedy:   indexRemedy,
		Unit:     "block",
	},
	{
		ID:       invariantIndex,
		Verifies: "the index contains exactly what the log contains: locations and commit times of events, types, tags, tracking sources",
		Means:    "queries and conditions may have missed events or found too many; no event is lost",
		Remedy:   indexRemedy,
		Unit:     "comparison",
	},
}

// Status reports whether an invariant holds.
type Status string

// The statuses of an invariant.
const (
	// Holds means that everything was checked and the invariant holds.
	Holds Status = "ok"
	// Violated means that there are problems.
	Violated Status = "corrupt"
	// NotReached means that the checked part is valid, and that the rest could not be
	// checked because something that it depends on is corrupt.
	NotReached Status = "not_reached"
)

// Finding is the result of checking an invariant.
type Finding struct {
	Invariant
	Status   Status `json:"status"`
	Examined uint64 `json:"examined"` // number of units checked
}

// newFindings returns a finding for each invariant. All invariants are assumed to hold.
func newFindings() []Finding {
	all := make([]Finding, len(invariants))
	for i := range all {
		all[i] = Finding{Invariant: invariants[i], Status: Holds}
	}
	return all
}
