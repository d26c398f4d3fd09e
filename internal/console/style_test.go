package console_test

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"testing"
)

// Text has a contrast of at least 4.5 to what it is drawn on, and lines of charts one of 3, in both
// themes (WCAG 2.2, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	css := newSite(t).get("/static/console.css", http.StatusOK)
	colours := [2]map[string]string{{}, {}}
	for _, found := range regexp.MustCompile(`--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);`).FindAllStringSubmatch(css, -1) {
		colours[0][found[1]], colours[1][found[1]] = found[2], found[3]
	}
	check := func(names, below []string, least float64) {
		for theme, name := range []string{"light", "dark"} {
			for _, front := range names {
				for _, back := range below {
					if got := contrast(colours[theme][front], colours[theme][back]); !(got >= least) {
						t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", name, front, back, got, least)
					}
				}
			}
		}
	}
	below := []string{"background", "surface", "raised"}
	check([]string{"text", "muted", "accent", "error", "warning", "good", "literal"}, below, 4.5)
	check([]string{"text", "accent", "muted"}, []string{"selected"}, 4.5)
	check([]string{"background"}, []string{"accent"}, 4.5)
	check([]string{"control"}, below, 3)
	var series []string
	for n := range 8 {
		series = append(series, fmt.Sprintf("chart-%d", n+1))
	}
	check(series, []string{"background", "surface"}, 3)
}

// contrast returns the ratio of WCAG for two colours, or NaN if one of them is none.
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(colour string) float64 {
	if len(colour) != 7 {
		return math.NaN()
	}
	sum := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return math.NaN()
		}
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
