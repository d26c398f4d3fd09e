package cli

import (
	"fmt"
	"time"

	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// sharedLogOutput is how far a server of a shared log has followed it. Groups are counted from 1.
type sharedLogOutput struct {
	Log            string  `json:"log"`
	Address        string  `json:"address,omitempty"` // of the server
	Applied        uint64  `json:"applied"`           // the last group of the server
	Durable        uint64  `json:"durable"`
	End            uint64  `json:"end"` // the last group that the log is known to have
	LagSeconds     float64 `json:"lag_seconds"`
	SilenceSeconds float64 `json:"silence_seconds"` // since the log last answered
	Writer         bool    `json:"writer"`          // the server has written the last group
	WriterAddress  string  `json:"writer_address,omitempty"`
	Halt           string  `json:"halt,omitempty"` // why the server cannot follow
}

func newSharedLogOutput(s *adminv1.SharedLogStatus) *sharedLogOutput {
	return &sharedLogOutput{
		Log:            s.GetLog(),
		Address:        s.GetAddress(),
		Applied:        s.GetApplied(),
		Durable:        s.GetDurable(),
		End:            s.GetEnd(),
		LagSeconds:     s.GetLag().AsDuration().Seconds(),
		SilenceSeconds: s.GetSilence().AsDuration().Seconds(),
		Writer:         s.GetWriter(),
		WriterAddress:  s.GetWriterAddress(),
		Halt:           s.GetHalt(),
	}
}

// expectedAnswer is the time in which a shared log that works has answered a server again: it is asked
// every 3 seconds.
const expectedAnswer = 6 * time.Second

// sharedLog writes how far the server has followed its shared log.
func (b *table) sharedLog(s *adminv1.SharedLogStatus) {
	progress := "all groups"
	if s.GetHalt() != "" {
		progress = "no more"
	}
	if missing := s.GetEnd() - min(s.GetEnd(), s.GetApplied()); missing > 0 {
		progress = fmt.Sprintf("%s missing for %s", plural(missing, "group"), s.GetLag().AsDuration().Round(100*time.Millisecond))
	}
	b.row("shared log", fmt.Sprintf("%s, group %d of %d: %s", word(s.GetLog()), s.GetApplied(), s.GetEnd(), progress))
	if silence := s.GetSilence().AsDuration(); silence > expectedAnswer {
		b.row("NO ANSWER", "of the shared log for "+silence.Round(100*time.Millisecond).String()+": appends and fresh reads wait or fail")
	} else {
		b.row("it answered", silence.Round(100*time.Millisecond).String()+" ago")
	}
	if s.GetHalt() != "" {
		b.row("HALTED", EscapeControl(s.GetHalt()))
	}
	switch {
	case s.GetWriter():
		b.row("last writer", "this server")
	case s.GetWriterAddress() != "":
		b.row("last writer", word(s.GetWriterAddress()))
	}
}
