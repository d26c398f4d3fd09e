package fakelog

import (
	"math"
	"math/rand/v2"
	"time"
)

// Adversary configures the faults of an engine. Fields of type float64 are probabilities from
// 0 to 1, of each call unless stated otherwise. The zero value has no faults. None of the
// faults breaks a promise of a shared log.
type Adversary struct {
	// Seed determines all choices.
	Seed uint64

	// LostRequest, LostAnswer and LateRequest are calls that fail. A lost request is not
	// executed, a request with a lost answer was executed, and a late one is executed after
	// the call has failed.
	LostRequest, LostAnswer, LateRequest float64
	// Silent is the share of the failing calls that return only when their context is done.
	Silent float64
	// Resent is a request that is executed twice; the caller gets the second answer, for an
	// append ErrConflict.
	Resent float64
	// Repeated is a request that is executed again after the call has returned.
	Repeated float64
	// Late is the maximum time after which late and repeated requests are executed.
	// Default 10 s.
	Late time.Duration
	// Delay is the maximum time for which a request and an answer are each in flight. Most
	// are much shorter.
	Delay time.Duration

	// Storm is the probability that an append starts a storm. Until the storm ends, most
	// appends fail with ErrConflict although nothing is in their way.
	Storm float64
	// StormTime is the maximum duration of a storm. Default 5 s.
	StormTime time.Duration
	// Outage is the probability that a call starts an outage. Until it ends, no request is
	// executed.
	Outage float64
	// OutageTime is the maximum duration of an outage. Default 10 s.
	OutageTime time.Duration

	// ShortRead is the share of calls of Read that return not all records, perhaps none.
	ShortRead float64
	// SlowLast is an additional delay of Last, at most.
	SlowLast time.Duration
	// SilentWait is the share of calls of Wait that return only when their context is done,
	// EarlyWait the share that return although there is no new record.
	SilentWait, EarlyWait float64
	// Trim is the probability that an append is followed by a trim, by which only the newest
	// Keep records remain.
	Trim float64
	// Keep is the number of records that remain, at least.
	Keep uint64
}

// Hostile returns an adversary that does everything but trim.
func Hostile(seed uint64) Adversary {
	return Adversary{
		Seed:        seed,
		LostRequest: 0.05, LostAnswer: 0.1, LateRequest: 0.05, Silent: 0.3,
		Resent: 0.05, Repeated: 0.1,
		Delay: 5 * time.Second,
		Storm: 0.01, Outage: 0.005,
		ShortRead: 0.2, SlowLast: 5 * time.Second, SilentWait: 0.1, EarlyWait: 0.1,
	}
}

// fault is what happens to the request of a call.
type fault uint8

const (
	noFault fault = iota
	lostRequest
	lostAnswer
	lateRequest
	resent
	repeated
)

// fate is everything that happens to a call. All of it is chosen at the start of the call, so
// that the choices depend neither on time nor on what other clients do.
type fate struct {
	fault   fault
	silent  bool
	arrives time.Duration // from the call to the execution of the request
	returns time.Duration // from there to the return of the call
	again   time.Duration // from the call to a further execution

	// For some methods only.
	refused bool          // by a storm, if there is one
	storm   time.Duration // a storm starts
	outage  time.Duration // an outage starts
	short   float64       // share of the records that Read returns
	slow    time.Duration // of Last
	wait    waitFault
	keep    uint64 // number of records after an append, at least
}

type waitFault uint8

const (
	normalWait waitFault = iota
	silentWait
	earlyWait
)

// fate returns the fate of a client's nth call.
func (a *Adversary) fate(client, n uint64) fate {
	r := rand.New(rand.NewPCG(a.Seed, client<<40|n))
	late := orDefault(a.Late, 10*time.Second)
	f := fate{
		fault: fault(choose(r, a.LostRequest, a.LostAnswer, a.LateRequest, a.Resent, a.Repeated)),
		// Draw everything, so that a field of the Adversary changes no other choice.
		silent:  r.Float64() < a.Silent,
		arrives: skewed(r, a.Delay),
		returns: skewed(r, a.Delay),
		again:   uniform(r, late),
		refused: r.Float64() < 0.9,
		storm:   sometimes(r, a.Storm, orDefault(a.StormTime, 5*time.Second)),
		outage:  sometimes(r, a.Outage, orDefault(a.OutageTime, 10*time.Second)),
		short:   1,
		slow:    uniform(r, a.SlowLast),
		wait:    waitFault(choose(r, a.SilentWait, a.EarlyWait)),
		keep:    math.MaxUint64,
	}
	if r.Float64() < a.Trim {
		f.keep = a.Keep
	}
	if short, share := r.Float64() < a.ShortRead, r.Float64(); short {
		f.short = share
	}
	f.again += f.arrives + f.returns
	return f
}

// choose returns 1 with the first probability, 2 with the second one, and so on, or else 0.
func choose(r *rand.Rand, probabilities ...float64) int {
	x := r.Float64()
	for i, p := range probabilities {
		if x < p {
			return i + 1
		}
		x -= p
	}
	return 0
}

func uniform(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Float64() * float64(most))
}

// skewed returns a duration that is shorter than a thousandth of most in every fourth case.
func skewed(r *rand.Rand, most time.Duration) time.Duration {
	x := r.Float64()
	return time.Duration(x * x * x * x * x * float64(most))
}

// sometimes returns a duration above 0 with a probability, else 0.
func sometimes(r *rand.Rand, probability float64, most time.Duration) time.Duration {
	happens, d := r.Float64() < probability, uniform(r, most)
	if !happens {
		return 0
	}
	return d
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
