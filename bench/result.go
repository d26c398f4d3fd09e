package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// result contains all measurements of a run.
type result struct {
	setting
	Rows []row `json:"rows"`
}

// setting describes a run.
type setting struct {
	Command    string     `json:"command"`
	Machine    machine    `json:"machine"`
	Servers    []server   `json:"servers"`
	Missing    []missing  `json:"missing,omitempty"`
	Parameters parameters `json:"parameters"`
}

// parameters apply to every measurement. The name of a workload contains its own
// parameters.
type parameters struct {
	Rounds        int     `json:"rounds"`
	WarmupSeconds float64 `json:"warmup_s"`
	WindowSeconds float64 `json:"window_s"`
	DataBytes     int     `json:"data_bytes"`
	PreloadEvents int     `json:"preload_events"`
	EventsPerTag  int     `json:"events_per_tag"`
}

// write writes the report, its images and the rows to files named by date and name.
func (res *result) write(dir, name string) error {
	if name == "" {
		name = strings.Join(res.names(), "-vs-")
	}
	base := res.Machine.Date + "-" + name
	plots, err := res.plots()
	if err != nil {
		return err
	}
	return writeResult(filepath.Join(dir, base), res, map[string]string{
		".svg":             res.chart("Throughput per second; median of the rounds", row.rate, thousands),
		"-cost.svg":        res.chart("Server CPU, µs per operation; median of the rounds", row.cost, significant),
		"-connections.svg": string(plots),
		".md":              res.report(base),
	})
}

// writeResult writes the result as JSON, and texts by the suffixes of their files. It omits
// empty texts.
func writeResult(path string, result any, texts map[string]string) error {
	raw, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	texts[".json"] = string(raw) + "\n"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	for suffix, text := range texts {
		if text == "" {
			continue
		}
		if err := os.WriteFile(path+suffix, []byte(text), 0o644); err != nil {
			return err
		}
	}
	fmt.Println(path + ".md")
	return nil
}

func (s *setting) names() []string {
	var names []string
	for _, s := range s.Servers {
		names = append(names, s.Name)
	}
	return names
}

// failure returns an error if a measurement failed or a server is missing.
func (res *result) failure() error {
	if err := res.setting.failure(); err != nil {
		return err
	}
	if n := len(res.failed()); n > 0 {
		return fmt.Errorf("%d of %d measurements failed; the report lists them", n, len(res.Rows))
	}
	return nil
}

func (s *setting) failure() error {
	if len(s.Missing) > 0 {
		return fmt.Errorf("%d of the servers could not be measured; the report lists them", len(s.Missing))
	}
	return nil
}

func (res *result) failed() []row {
	return slices.DeleteFunc(slices.Clone(res.Rows), func(r row) bool { return r.Error == "" })
}

// groups returns the titles of the measured groups, and workloads the names of a
// group's workloads, in the order of measuring.
func (res *result) groups() []string {
	return distinct(res.Rows, func(r row) (string, bool) { return r.Group, true })
}

func (res *result) workloads(group string) []string {
	return distinct(res.Rows, func(r row) (string, bool) { return r.Workload, r.Group == group })
}

func distinct(rows []row, name func(row) (string, bool)) []string {
	var names []string
	seen := map[string]bool{}
	for _, r := range rows {
		if n, ok := name(r); ok && !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	return names
}

// values returns a figure of all rounds of a workload that did not fail.
func (res *result) values(group, workload, server string, figure func(row) float64) []float64 {
	return res.valuesOf(func(r row) bool { return r.Group == group && r.Workload == workload && r.Server == server }, figure)
}

// valuesOf returns a figure of the measurements that selected returns true for.
func (res *result) valuesOf(selected func(row) bool, figure func(row) float64) []float64 {
	var values []float64
	for _, r := range res.Rows {
		if r.measured() && selected(r) {
			values = append(values, figure(r))
		}
	}
	return values
}
