package selection

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseTime parses a time: how long before now it is, as in 2h or 3d, a time with its zone, or a
// date, which starts in UTC. The year of the time is from 1 to 9998: near the bounds of what can be
// written, a program could not add to it.
func ParseTime(text string, now time.Time) (time.Time, error) {
	at, err := parseTime(text, now)
	if year := at.UTC().Year(); err == nil && (year < 1 || year > 9998) {
		return time.Time{}, fmt.Errorf("its year is %d: write a time in the years 1 to 9998", year)
	}
	return at, err
}

func parseTime(text string, now time.Time) (time.Time, error) {
	if ago, err := ParseDuration(text); err == nil {
		if ago < 0 {
			return time.Time{}, errors.New("it has a sign: 2h is two hours ago")
		}
		return now.Add(-ago), nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	at, err := ParseZoned(text)
	if err != nil && !errors.Is(err, ErrWithoutZone) {
		return at, errors.New("write how long ago it is, as in 2h or 3d, a time such as 2026-11-26T14:30:00Z, or a date such as 2026-11-26")
	}
	return at, err
}

// ErrWithoutZone is returned by ParseZoned for a time that may mean different ones.
var ErrWithoutZone = errors.New("it is a time without a zone: add Z for UTC or an offset, as in 2026-11-26T14:30:00Z or 2026-11-26T15:30:00+01:00")

// ParseZoned parses a time of RFC 3339, perhaps without seconds.
func ParseZoned(text string) (time.Time, error) {
	for _, local := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if _, err := time.Parse(local, text); err == nil {
			return time.Time{}, ErrWithoutZone
		}
	}
	if at, err := time.Parse("2006-01-02T15:04Z07:00", text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}

// ParseDuration parses a number of days, or a duration of Go.
func ParseDuration(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	number, found := strings.CutSuffix(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	days, err := strconv.ParseUint(number, 10, 16)
	return time.Duration(days) * day, err
}
