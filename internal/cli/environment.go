package cli

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// variable gives the environment variable of a flag, "" if it has none.
func variable(flag *pflag.Flag) string {
	if flag.Name == "help" || flag.Name == "version" {
		return ""
	}
	return "UMADB_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// nameVariables writes the environment variable into the help of each flag.
func nameVariables(flags *pflag.FlagSet) {
	flags.VisitAll(func(flag *pflag.Flag) {
		if name := variable(flag); name != "" {
			flag.Usage += " [env: " + name + "]"
		}
	})
}

// applyEnvironment sets each flag that was not given and whose variable is set,
// be it empty: nobody should lose an API key to an empty variable in silence.
func applyEnvironment(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(flag *pflag.Flag) {
		name := variable(flag)
		if name == "" || flag.Changed {
			return
		}
		value, set := os.LookupEnv(name)
		if !set {
			return
		}
		if err := flags.Set(flag.Name, value); err != nil {
			errs = append(errs, usageErrorf("the environment variable %s is %q: %w", name, value, reason(err)))
		}
	})
	return errors.Join(errs...)
}

// reason is what is wrong with a flag's value, without the flag's name.
func reason(err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return invalid.Unwrap()
	}
	return err
}
