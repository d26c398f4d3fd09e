package cli

import (
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/wire"
)

// apiKey is what a server asks of its clients, given by itself or in a file: whoever
// lists the processes of a machine sees the one and not the other.
type apiKey struct {
	key  string // empty for none
	file string
}

func (k *apiKey) addFlags(flags *pflag.FlagSet, usage string) {
	flags.StringVar(&k.key, "api-key", "", usage)
	flags.StringVar(&k.file, "api-key-file", "", "`file` whose first line is the API key")
	excludes(flags, "api-key", "api-key-file")
}

// load reads the file, if one is given, and checks the key. If load fails, the key is
// unchanged.
func (k *apiKey) load(flags *pflag.FlagSet) error {
	key := k.key
	if flags.Changed("api-key-file") {
		if flags.Changed("api-key") {
			return usageErrorf("--api-key and --api-key-file (or their variables) are both given: give one of them")
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
