package cli

import (
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/wire"
)

// apiKey is the key that a server requires of its clients. It is set by a flag or, to
// keep it out of the process list, read from a file.
type apiKey struct {
	key  string // empty if there is none
	file string
}

func (k *apiKey) addFlags(flags *pflag.FlagSet, usage string) {
	flags.StringVar(&k.key, "api-key", "", usage)
	flags.StringVar(&k.file, "api-key-file", "", "`file` whose first line is the API key")
	excludes(flags, "api-key", "api-key-file")
}

// load reads the key from the file, if there is one, and validates it. If load fails,
// the key is unchanged.
func (k *apiKey) load(flags *pflag.FlagSet) error {
	key := k.key
	if flags.Changed("api-key-file") {
		if flags.Changed("api-key") {
			return usageErrorf("--api-key and --api-key-file (or their environment variables) are both given: use only one")
		}
		var err error
		if key, err = firstLine(k.file, "API key", "--api-key-file"); err != nil {
			return err
		}
	}
	if err := wire.CheckAPIKey(key); err != nil {
		return usageError{err}
	}
	k.key = key
	return nil
}
