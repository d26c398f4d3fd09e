package cli

import (
	"fmt"
	"time"
)

// plural returns n with noun, in the plural unless n is 1.
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// bytesText formats a number of bytes with a binary unit.
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

// pace formats a duration and, if there were events, their rate.
func pace(events uint64, took time.Duration) string {
	seconds := took.Seconds()
	if events == 0 || seconds < 0.001 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return fmt.Sprintf("%.1f s, %.0f/s", seconds, float64(events)/seconds)
}
