package cli

import (
	"errors"
	"time"
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
	at, err := parseMoment(text, time.Now())
	if err == nil {
		m.text, m.Time = text, at
	}
	return err
}

// parseMoment parses the text of a moment.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if ago, err := parseDays(text); err == nil {
		if ago < 0 {
			return time.Time{}, errors.New("it has a sign: 2h is two hours ago")
		}
		return now.Add(-ago), nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	at, err := parseZoned(text)
	if err != nil && !errors.Is(err, errWithoutZone) {
		return at, errors.New("write how long ago it is, as in 2h or 3d, a time such as 2026-11-26T14:30:00Z, or a date such as 2026-11-26")
	}
	return at, err
}

// errWithoutZone is the error of parseZoned for a time that may mean different ones.
var errWithoutZone = errors.New("it is a time without a zone: add Z for UTC or an offset, as in 2026-11-26T14:30:00Z or 2026-11-26T15:30:00+01:00")

// parseZoned parses a time of RFC 3339, perhaps without seconds.
func parseZoned(text string) (time.Time, error) {
	for _, local := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if _, err := time.Parse(local, text); err == nil {
			return time.Time{}, errWithoutZone
		}
	}
	if at, err := time.Parse("2006-01-02T15:04Z07:00", text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}
