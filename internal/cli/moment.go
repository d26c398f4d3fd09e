package cli

import (
	"time"

	"github.com/umadb-go/umadb/internal/selection"
)

// moment is a flag: how long ago a time is, a time with its zone, or a date, which starts in UTC.
// It is zero if it is not given.
type moment struct {
	time.Time
	text string
}

// String returns the time as the user wrote it.
func (m *moment) String() string { return m.text }

// Type returns the placeholder in the help.
func (m *moment) Type() string { return "time" }

// Set parses a time. How long ago it is counts from now.
func (m *moment) Set(text string) error {
	at, err := selection.ParseTime(text, time.Now())
	if err == nil {
		m.text, m.Time = text, at
	}
	return err
}
