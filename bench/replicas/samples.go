package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// samples are the times of one kind, in the order in which they were measured.
type samples struct {
	name  string
	times []time.Duration
}

func (s *samples) add(d time.Duration) { s.times = append(s.times, d) }

// at returns a percentile.
func (s *samples) at(percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(s.times))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// printSamples prints the percentiles of all samples that there are.
func printSamples(all []*samples) {
	fmt.Printf("%-58s %5s %10s %10s %10s\n", "milliseconds", "n", "median", "p99", "maximum")
	for _, s := range all {
		if len(s.times) > 0 {
			fmt.Printf("%-58s %5d %10.1f %10.1f %10.1f\n", s.name, len(s.times), milliseconds(s.at(50)), milliseconds(s.at(99)), milliseconds(slices.Max(s.times)))
		}
	}
}

// writeSamples prints all samples in JSON.
func writeSamples(engine string, all []*samples) error {
	result := struct {
		Engine       string               `json:"engine"`
		Started      time.Time            `json:"started"`
		Milliseconds map[string][]float64 `json:"milliseconds"`
	}{engine, began.UTC(), map[string][]float64{}}
	for _, s := range all {
		for _, d := range s.times {
			result.Milliseconds[s.name] = append(result.Milliseconds[s.name], milliseconds(d))
		}
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// began is when the program was started.
var began = time.Now()

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
