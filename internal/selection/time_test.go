package selection_test

import (
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/selection"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 5, time.UTC)
	for text, want := range map[string]time.Time{
		"2h":                             now.Add(-2 * time.Hour),
		"1h30m":                          now.Add(-90 * time.Minute),
		"3d":                             now.Add(-72 * time.Hour),
		"0s":                             now,
		"2026-11-26":                     time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC),
		"2026-11-26T14:00Z":              time.Date(2026, 11, 26, 14, 0, 0, 0, time.UTC),
		"2026-11-26T14:00:01Z":           time.Date(2026, 11, 26, 14, 0, 1, 0, time.UTC),
		"2026-11-26T14:00:01.000000002Z": time.Date(2026, 11, 26, 14, 0, 1, 2, time.UTC),
		"2026-11-26T15:30+01:30":         time.Date(2026, 11, 26, 14, 0, 0, 0, time.UTC),
	} {
		if got, err := selection.ParseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v (%v), want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                    "how long ago",
		"yesterday":           "how long ago",
		"2":                   "how long ago",
		"2026-02-30":          "how long ago",
		"-2h":                 "it has a sign",
		"9999-12-31":          "its year is 9999",
		"0000-01-01T00:00Z":   "its year is 0",
		"2026-11-26T14:00":    "without a zone",
		"2026-11-26 14:00":    "without a zone",
		"2026-11-26T14:00:00": "without a zone",
	} {
		if got, err := selection.ParseTime(text, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v (%v), want an error with %q", text, got, err, want)
		}
	}
}
