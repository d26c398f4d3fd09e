package cli

import (
	"bufio"
	"os"

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

// load reads the file, if one is given, and looks at the key.
func (k *apiKey) load(flags *pflag.FlagSet) error {
	if flags.Changed("api-key-file") {
		if flags.Changed("api-key") {
			return usageErrorf("--api-key and --api-key-file (or their variables) are both given: give one of them")
		}
		var err error
		if k.key, err = keyOf(k.file); err != nil {
			return err
		}
	}
	if err := wire.CheckAPIKey(k.key); err != nil {
		return usageError{err}
	}
	return nil
}

// keyOf gives the first line of a file, without its end.
func keyOf(name string) (string, error) {
	if name == "" {
		return "", usageErrorf("--api-key-file is empty: name the file whose first line is the API key")
	}
	file, err := os.Open(name)
	if err != nil {
		return "", unreadableKey(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan()
	switch {
	case lines.Err() != nil:
		return "", unreadableKey(lines.Err())
	case lines.Text() == "":
		return "", usageErrorf("the first line of the API key file %s is empty: write the key there", name)
	}
	return lines.Text(), nil
}

func unreadableKey(err error) error {
	return usageErrorf("the API key file cannot be read: %w; name another with --api-key-file", err)
}
