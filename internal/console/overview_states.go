package console

import (
	"fmt"
	"time"

	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// stateData is something about a server that is not usual.
type stateData struct {
	Level string `json:"level"` // error, warning or note
	Text  string `json:"text"`
}

// Word returns the level as the first word of a sentence.
func (s stateData) Word() string {
	return map[string]string{"error": "Error", "warning": "Warning", "note": "Note"}[s.Level]
}

const (
	// longStall is for how long appends wait before it is worth a warning.
	longStall = time.Second
	// longSilence is for how long a shared log does not answer before it is worth a warning.
	longSilence = 10 * time.Second
	// fewPercent and fewBytes are the free space of a file system that is worth a warning: less than
	// both.
	fewPercent, fewBytes = 5, 10 << 30
)

// states collects what is not usual.
type states []stateData

func (s *states) add(level, format string, args ...any) {
	*s = append(*s, stateData{level, fmt.Sprintf(format, args...)})
}

// statesOf returns what is not usual about a server.
func statesOf(status *adminv1.StatusResponse) []stateData {
	st := status.GetStore()
	var all states
	if failure := st.GetFailure(); failure != "" {
		all.add("error", "The store has failed: it can be read, and accepts no more appends until the server is started again. %s", failure)
	}
	if refusal := st.GetDisk().GetRefusal(); refusal != "" {
		all.add("error", "Appends are refused for lack of disk space. %s", refusal)
	}
	if scrub := st.GetScrub(); scrub.GetLogFindings()+scrub.GetIndexFindings() > 0 {
		all.add("error", "The scrub has found corruption: findings in the log %d, in the index %d. See the log of the server.", scrub.GetLogFindings(), scrub.GetIndexFindings())
	}
	if shared := st.GetSharedLog(); shared != nil {
		all.addSharedLog(shared)
	}
	if standby := st.GetStandby(); standby != nil {
		all.addStandby(standby)
	} else if st.GetReadOnly() {
		all.add("note", "The store is read-only: it accepts no appends.")
	}
	if stall := st.GetAppendStall().AsDuration(); stall >= longStall {
		all.add("warning", "Appends have been waiting for %v, and none has been completed.", stall.Round(time.Second))
	}
	if d := st.GetDisk(); d.GetFileSystemBytes() > 0 && d.GetFreeBytes() < min(d.GetFileSystemBytes()/100*fewPercent, fewBytes) {
		all.add("warning", "The file system of the store has %s free of %s.", byteSize(d.GetFreeBytes()), byteSize(d.GetFileSystemBytes()))
	}
	return all
}

func (s *states) addStandby(standby *adminv1.StandbyStatus) {
	switch server := standby.GetServer(); {
	case standby.GetFull():
		s.add("error", "This standby of %s has stopped following it for lack of disk space.", server)
	case !standby.GetConnected():
		s.add("warning", "This standby cannot reach its server %s.", server)
	default:
		s.add("note", "This server is a standby of %s: it accepts no appends.", server)
	}
	if standby.GetMissing() > 0 {
		s.add("warning", "%s events of the server are missing here. The standby was last caught up %v ago.", number(standby.GetMissing()), standby.GetLag().AsDuration().Round(time.Second))
	}
}

func (s *states) addSharedLog(shared *adminv1.SharedLogStatus) {
	if halt := shared.GetHalt(); halt != "" {
		s.add("error", "This server cannot follow the shared log: appends and fresh reads fail. %s", halt)
	}
	if lag := shared.GetLag().AsDuration(); lag >= longStall {
		s.add("warning", "This server lags: it has group %s of the shared log, which has %s, for %v.", number(shared.GetApplied()), number(shared.GetEnd()), lag.Round(time.Second))
	}
	if silence := shared.GetSilence().AsDuration(); silence >= longSilence {
		s.add("warning", "The shared log has not answered for %v.", silence.Round(time.Second))
	}
	switch {
	case shared.GetWriter():
		s.add("note", "The log is shared with other servers. This server has written last.")
	case shared.GetWriterAddress() != "":
		s.add("note", "The log is shared with other servers. The server at %s has written last.", shared.GetWriterAddress())
	default:
		s.add("note", "The log is shared with other servers.")
	}
}
