package console

import (
	"context"
	"encoding/json"
	"time"

	"github.com/umadb-go/umadb/internal/web"
)

const (
	// historySteps and historyStep are the part of the past that overview shows.
	historySteps = 20
	historyStep  = 30 * time.Second
)

// history is the numbers of events of the recent past, from their recorded times.
type history struct {
	From        time.Time `json:"from"`
	StepSeconds float64   `json:"step_seconds"`
	Events      []uint64  `json:"events"` // of each step
	LastHour    uint64    `json:"last_hour"`
	LastDay     uint64    `json:"last_day"`
}

// loadHistory finds the positions of the ends of the steps.
func loadHistory(ctx context.Context, b *web.Backend, head uint64, now time.Time) (*history, error) {
	h := &history{From: now.Add(-historySteps * historyStep), StepSeconds: historyStep.Seconds()}
	times := make([]time.Time, 0, historySteps+2)
	for i := range historySteps {
		times = append(times, h.From.Add(time.Duration(i)*historyStep))
	}
	times = append(times, now.Add(-time.Hour), now.Add(-24*time.Hour))
	positions, err := positionsAt(ctx, b.Events, times)
	if err != nil {
		return nil, err
	}
	since := func(position uint64) uint64 { return max(head, position) - position }
	h.LastHour, h.LastDay = since(positions[historySteps]), since(positions[historySteps+1])
	for i := range historySteps {
		end := head
		if i+1 < historySteps {
			end = positions[i+1]
		}
		h.Events = append(h.Events, max(end, positions[i])-positions[i])
	}
	return h, nil
}

// JSON returns the history for the script.
func (h *history) JSON() (string, error) {
	out, err := json.Marshal(h)
	return string(out), err
}
