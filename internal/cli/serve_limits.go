package cli

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
)

// boundFlags are the bounds of what clients can use.
type boundFlags struct {
	connections int
	streams     uint32
	request     byteSize
}

func (b *boundFlags) addFlags(flags *pflag.FlagSet) {
	b.request = byteSize{"16MiB", 16 << 20}
	flags.IntVar(&b.connections, "max-connections", 0, "maximum `number` of open connections; 0 is 4,096, or fewer with little memory or a low limit of open files")
	flags.Uint32Var(&b.streams, "max-concurrent-streams", 4096, "maximum `number` of calls in progress on one connection")
	flags.Var(&b.request, "max-request-bytes", "maximum size of a request, such as an append, in bytes or with a unit")
}

const (
	// maxConnections is above what any machine can serve.
	maxConnections = 1 << 20
	// minRequestBytes leaves space for a small append; maxRequestBytes is the limit of the
	// format of the log.
	minRequestBytes = 4 << 10
	maxRequestBytes = 1 << 30
)

func (b *boundFlags) validate() error {
	switch {
	case b.connections < 0 || b.connections > maxConnections:
		return usageErrorf("--max-connections %d must be from 0 to %d", b.connections, maxConnections)
	case b.streams < 1:
		return usageErrorf("--max-concurrent-streams %d must be above 0", b.streams)
	case b.request.bytes < minRequestBytes || b.request.bytes > maxRequestBytes:
		return usageErrorf("--max-request-bytes %s must be from 4KiB to 1GiB", b.request.text)
	}
	return nil
}

// limits returns the limits of the store.
func (b *boundFlags) limits() dcb.Limits { return dcb.Limits{RequestBytes: int(b.request.bytes)} }

// byteSize is a flag: a number of bytes, which may have a unit.
type byteSize struct {
	text  string
	bytes int64
}

// String returns the size as the user wrote it.
func (s *byteSize) String() string { return s.text }

// Type returns the possible values, for the help.
func (s *byteSize) Type() string { return "BYTES" }

// Set parses a number with or without a unit, as in 16MiB.
func (s *byteSize) Set(text string) error {
	bytes, err := parseBytes(text)
	if err != nil {
		return errors.New("it must be a size such as 16777216 or 16MiB")
	}
	s.text, s.bytes = text, bytes
	return nil
}
