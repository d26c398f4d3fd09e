package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/settingfile"
)

const (
	perCallKey  = "per-call"
	variableKey = "variable"
	excludesKey = "excludes"
	needsKey    = "needs"
	yieldsKey   = "yields"
)

// perCall marks flags that concern a single call, and so have no environment variable.
func perCall(flags *pflag.FlagSet, names ...string) { annotate(flags, perCallKey, names, nil) }

// hasVariable sets the variable of a flag that is not named after it, because another command
// has a flag with the same meaning.
func hasVariable(flags *pflag.FlagSet, name, variable string) {
	annotate(flags, variableKey, []string{name}, []string{variable})
}

// excludes marks flags of which a command takes only one. If one is given, the variables
// of the others are ignored.
func excludes(flags *pflag.FlagSet, names ...string) { annotate(flags, excludesKey, names, names) }

// prefers makes the variable of the flag name take precedence over that of the flag
// other. A command takes only one of the two flags.
func prefers(flags *pflag.FlagSet, name, other string) {
	annotate(flags, yieldsKey, []string{other}, []string{name})
}

// needs marks flags that only mean something with another flag.
func needs(flags *pflag.FlagSet, other string, names ...string) {
	annotate(flags, needsKey, names, []string{other})
}

func annotate(flags *pflag.FlagSet, key string, names, values []string) {
	for _, name := range names {
		if err := flags.SetAnnotation(name, key, values); err != nil {
			panic(err) // the flag does not exist
		}
	}
}

// variable returns the environment variable of a flag, or "" if it has none.
func variable(flag *pflag.Flag) string {
	if _, found := flag.Annotations[perCallKey]; found || flag.Name == "help" || flag.Name == "version" {
		return ""
	}
	if names, found := flag.Annotations[variableKey]; found {
		return names[0]
	}
	return "UMADB_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// nameVariables adds the environment variable to the usage of each flag.
func nameVariables(flags *pflag.FlagSet) {
	flags.VisitAll(func(flag *pflag.Flag) {
		if name := variable(flag); name != "" {
			flag.Usage += " [env: " + name + "]"
		}
	})
}

// applyEnvironment sets the flags that were not given from their variables. A variable
// that is set but empty counts as well: an empty API key must be an error. notice is
// called with messages for the user.
func applyEnvironment(flags *pflag.FlagSet, notice func(string)) error {
	given := map[string]bool{}
	flags.Visit(func(flag *pflag.Flag) { given[flag.Name] = true })
	var errs []error
	flags.VisitAll(func(flag *pflag.Flag) {
		name := variable(flag)
		if name == "" || given[flag.Name] {
			return
		}
		for _, other := range flag.Annotations[excludesKey] {
			if given[other] {
				return
			}
		}
		value, set := os.LookupEnv(name)
		if !set {
			return
		}
		for _, other := range flag.Annotations[yieldsKey] {
			preferred := variable(flags.Lookup(other))
			if _, set := os.LookupEnv(preferred); set {
				notice(fmt.Sprintf("%s and %s are both set: using %s; to use the other, pass --%s", preferred, name, preferred, flag.Name))
				return
			}
		}
		if err := flags.Set(flag.Name, value); err != nil {
			errs = append(errs, usageErrorf("the environment variable %s cannot be %q: %w", name, value, reason(err)))
			return
		}
		annotate(flags, sourceKey, []string{flag.Name}, []string{"environment " + name})
	})
	return errors.Join(errs...)
}

// onCommandLine reports whether a flag was given on the command line, and not by a variable or
// the file of settings.
func onCommandLine(flags *pflag.FlagSet, name string) bool {
	flag := flags.Lookup(name)
	_, elsewhere := flag.Annotations[sourceKey]
	return flag.Changed && !elsewhere
}

// reason returns why the value of a flag is invalid, without the name of the flag.
func reason(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	kind, value := invalid.GetFlag().Value.Type(), invalid.GetValue()
	unsigned := strings.HasPrefix(kind, "uint")
	switch {
	case kind == "bool":
		return errors.New("it must be true or false")
	case !unsigned && !strings.HasPrefix(kind, "int"):
		return invalid.Unwrap()
	case isInteger(value, unsigned):
		return errors.New("it is out of range")
	case unsigned:
		return errors.New("it must be a whole number, 0 or more")
	}
	return errors.New("it must be a whole number")
}

// isInteger reports whether a value is an integer, however large.
func isInteger(value string, unsigned bool) bool {
	_, err := strconv.ParseInt(value, 0, 64)
	if unsigned {
		_, err = strconv.ParseUint(value, 0, 64)
	}
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// explainFlag returns the error for an invalid value of a flag.
func explainFlag(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	return fmt.Errorf("--%s cannot be %q: %w", invalid.GetFlag().Name, invalid.GetValue(), reason(err))
}

// choice is a flag with a few possible values.
type choice struct {
	value  string
	values []string
}

// String returns the value.
func (c *choice) String() string { return c.value }

// Set sets the value, which must be one of the possible values.
func (c *choice) Set(value string) error {
	if !slices.Contains(c.values, value) {
		return fmt.Errorf("it must be one of %s", strings.Join(c.values, ", "))
	}
	c.value = value
	return nil
}

// Type returns the possible values, for the help.
func (c *choice) Type() string { return strings.Join(c.values, "|") }

// firstLine returns the first line of a file, without its newline. Errors contain the
// expected content of the line, and the flag that names the file.
func firstLine(name, what, flag string) (string, error) {
	if name == "" {
		return "", usageErrorf("%s is empty: name the file whose first line is the %s", flag, what)
	}
	line, err := settingfile.FirstLine(name)
	switch {
	case err != nil:
		return "", usageErrorf("cannot read the %s file: %w; name another with %s", what, err, flag)
	case line == "":
		return "", usageErrorf("the first line of the %s file %s is empty: it must be the %s", what, name, what)
	}
	return line, nil
}
