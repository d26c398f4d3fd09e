//go:build linux

package chaos

import (
	"slices"
	"testing"
	"time"
)

func seconds(numbers ...float64) (times []time.Duration) {
	for _, n := range numbers {
		times = append(times, time.Duration(n*float64(time.Second)))
	}
	return times
}

func periodOf(from, to float64) period {
	times := seconds(from, to)
	return period{times[0], times[1]}
}

func TestAble(t *testing.T) {
	commits := seconds(0, 0.5, 1, 1.2, 1.1, 9, 9.5, 10, 10.5, 11, 20)
	excluded := []period{periodOf(0.5, 0.7), periodOf(10, 15)}
	want := []period{periodOf(0, 0.5), periodOf(0.7, 1.2), periodOf(9, 10)}
	if got := able(commits, excluded); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLongestWithout(t *testing.T) {
	events := seconds(1, 2, 5, 30, 31)
	for _, c := range []struct {
		periods []period
		want    period
	}{
		{[]period{periodOf(0, 6)}, periodOf(2, 5)},
		{[]period{periodOf(3, 4.5), periodOf(10, 11)}, periodOf(3, 4.5)},
		{[]period{periodOf(4, 29), periodOf(40, 42)}, periodOf(5, 29)},
		{[]period{periodOf(30, 40)}, periodOf(31, 40)},
		{nil, period{}},
	} {
		if got := longestWithout(events, c.periods); got != c.want {
			t.Errorf("in %v: got %v, want %v", c.periods, got, c.want)
		}
	}
}
