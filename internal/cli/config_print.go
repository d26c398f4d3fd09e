package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"
)

// printConfig prints the settings of a command as a configuration file that has the same
// effect, with the source of each as a comment. What the file must not or need not contain
// is a comment: secrets, and texts that are empty by default.
func printConfig(w io.Writer, flags *pflag.FlagSet) error {
	var out bytes.Buffer
	var err error
	flags.VisitAll(func(flag *pflag.Flag) {
		if err != nil || !isSetting(flag) || !flag.Changed && hasNoUse(flags, flag) {
			return
		}
		if isSecret(flag) {
			if flag.Changed {
				fmt.Fprintf(&out, "# %s = '********' # %s\n", flag.Name, source(flag))
			}
			return
		}
		var line []byte
		if line, err = toml.Marshal(map[string]any{flag.Name: configValue(flag)}); err != nil {
			return
		}
		if !flag.Changed && slices.Contains([]string{"", "[]"}, flag.Value.String()) {
			out.WriteString("# ")
		}
		fmt.Fprintf(&out, "%s # %s\n", bytes.TrimSpace(line), source(flag))
	})
	if err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}

// source describes where the value of a flag is from.
func source(flag *pflag.Flag) string {
	switch from := flag.Annotations[sourceKey]; {
	case !flag.Changed:
		return "default"
	case len(from) > 0:
		return EscapeControl(from[0]) // the name of a file may contain a line break
	}
	return "flag"
}

// hasNoUse reports whether the default of a flag has no effect, because the server ignores
// the flag, or because one is given that excludes it or not given that it needs.
func hasNoUse(flags *pflag.FlagSet, flag *pflag.Flag) bool {
	return slices.Contains(ignoredFlags, flag.Name) ||
		slices.ContainsFunc(flag.Annotations[excludesKey], flags.Changed) ||
		slices.ContainsFunc(flag.Annotations[needsKey], func(name string) bool { return !flags.Changed(name) })
}

// configValue returns the value of a flag in the type that it has in a configuration file.
func configValue(flag *pflag.Flag) any {
	kind := elementKind(flag)
	list, ok := flag.Value.(pflag.SliceValue)
	if !ok {
		return typedValue(kind, flag.Value.String())
	}
	values := []any{}
	for _, text := range list.GetSlice() {
		values = append(values, typedValue(kind, text))
	}
	return values
}

// typedValue returns the value of a flag of a type of pflag.
func typedValue(kind, text string) any {
	switch {
	case kind == "bool":
		return text == "true"
	case isWhole(kind):
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case strings.HasPrefix(kind, "float"):
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	}
	return text
}
