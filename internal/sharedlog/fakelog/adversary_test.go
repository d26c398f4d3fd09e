package fakelog

import (
	"testing"
	"time"
)

func TestFatesDependOnSeedClientAndCall(t *testing.T) {
	seen := map[fate]int{}
	for seed := range uint64(3) {
		a := Hostile(seed)
		for client := range uint64(3) {
			for n := range uint64(100) {
				f := a.fate(client, n)
				if again := a.fate(client, n); again != f {
					t.Fatalf("the fate of call %d is %+v, and then %+v", n, f, again)
				}
				seen[f]++
			}
		}
	}
	if len(seen) < 890 {
		t.Errorf("900 calls have only %d fates", len(seen))
	}
}

// Without it, a test that changes one probability to find the cause of a failure would get
// another failure.
func TestAFieldOfTheAdversaryChangesNothingElse(t *testing.T) {
	with := Hostile(1)
	without := with
	without.Trim, without.Keep = 1, 5
	without.SlowLast, without.Outage = 0, 0
	for n := range uint64(1000) {
		a, b := with.fate(1, n), without.fate(1, n)
		a.slow, a.outage, a.keep = b.slow, b.outage, b.keep
		if a != b {
			t.Fatalf("call %d: %+v and %+v", n, a, b)
		}
	}
}

func TestHostileHasEveryFault(t *testing.T) {
	a := Hostile(1)
	var faults [repeated + 1]int
	var waits [earlyWait + 1]int
	silent, storms, outages, short, long := 0, 0, 0, 0, 0
	const calls = 10_000
	for n := range uint64(calls) {
		f := a.fate(1, n)
		faults[f.fault]++
		waits[f.wait]++
		for count, happens := range map[*int]bool{
			&silent: f.silent, &storms: f.storm > 0, &outages: f.outage > 0, &short: f.short < 1, &long: f.arrives > time.Second,
		} {
			if happens {
				*count++
			}
		}
		if f.arrives > a.Delay || f.returns > a.Delay || f.slow > a.SlowLast {
			t.Errorf("call %d is delayed too long: %+v", n, f)
		}
	}
	for name, c := range map[string]struct {
		have int
		want float64
	}{
		"lost requests": {faults[lostRequest], a.LostRequest}, "lost answers": {faults[lostAnswer], a.LostAnswer},
		"late requests": {faults[lateRequest], a.LateRequest}, "requests sent again": {faults[resent], a.Resent},
		"repeated requests": {faults[repeated], a.Repeated}, "silence": {silent, a.Silent},
		"storms": {storms, a.Storm}, "outages": {outages, a.Outage}, "short reads": {short, a.ShortRead},
		"silent waits": {waits[silentWait], a.SilentWait}, "early waits": {waits[earlyWait], a.EarlyWait},
		"long delays": {long, 0.275},
	} {
		if share := float64(c.have) / calls; share < c.want*0.7 || share > c.want*1.3 {
			t.Errorf("%s: %.3f of all calls, want %.3f", name, share, c.want)
		}
	}
}
