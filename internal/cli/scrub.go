package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"github.com/umadb-go/umadb/internal/selection"
)

// scrubFlags are the flags of the background scrub of a server.
type scrubFlags struct{ period period }

func (s *scrubFlags) addFlags(flags *pflag.FlagSet) {
	if err := s.period.Set("30d"); err != nil {
		panic(err)
	}
	flags.Var(&s.period, "scrub", "time in which the server reads and verifies the whole store once, such as 30d or 12h")
}

// minPeriod is the shortest period. A shorter one would read without a pause.
const minPeriod = time.Hour

// period is a flag: a duration that may be in days, or "off".
type period struct {
	text     string
	duration time.Duration // 0 if off
}

// String returns the period as the user wrote it.
func (p *period) String() string { return p.text }

// Type returns the possible values, for the help.
func (p *period) Type() string { return "off|PERIOD" }

// Set parses "off", a number of days such as 30d, or a duration of Go such as 12h.
func (p *period) Set(text string) error {
	if text == "off" {
		p.text, p.duration = text, 0
		return nil
	}
	duration, err := selection.ParseDuration(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a period: write 30d or 12h, for example, or off", text)
	case duration < minPeriod:
		return errors.New("the minimum is 1h")
	}
	p.text, p.duration = text, duration
	return nil
}
