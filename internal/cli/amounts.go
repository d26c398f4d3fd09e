package cli

import (
	"fmt"
	"time"
)

// plural writes a number with its noun.
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// bytesText writes a number of bytes with a unit.
func bytesText(n uint64) string {
	if n < 1<<10 {
		return plural(n, "byte")
	}
	value, unit := float64(n)/(1<<10), "KiB"
	for _, larger := range []string{"MiB", "GiB", "TiB"} {
		if value < 1<<10 {
			break
		}
		value, unit = value/(1<<10), larger
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// pace writes how long something took, and the rate.
func pace(events uint64, took time.Duration) string {
	seconds := took.Seconds()
	if events == 0 || seconds < 0.001 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return fmt.Sprintf("%.1f s, %.0f a second", seconds, float64(events)/seconds)
}
