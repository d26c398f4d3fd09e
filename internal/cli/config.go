package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/settingfile"
)

const (
	configFlag = "config"
	secretKey  = "secret"
	sourceKey  = "source"
)

// secret marks flags whose values are secrets: they are not printed, and a configuration
// file must not contain them, because it is often readable for others or under version
// control.
func secret(flags *pflag.FlagSet, names ...string) { annotate(flags, secretKey, names, nil) }

func isSecret(flag *pflag.Flag) bool {
	_, found := flag.Annotations[secretKey]
	return found
}

// isSetting reports whether a flag can be set in a configuration file. Secrets are settings
// too, to which the file has to refer by the name of another file.
func isSetting(flag *pflag.Flag) bool { return variable(flag) != "" && flag.Name != configFlag }

// configFlags are the flags of a command that accepts a configuration file.
type configFlags struct {
	file  string
	print bool
}

func (c *configFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&c.file, configFlag, "", "TOML `file` with settings, named as the flags; flags and variables take precedence")
	flags.BoolVar(&c.print, "print-config", false, "print the settings in effect and where each one is from, as a configuration file, and exit")
	perCall(flags, "print-config")
}

// applyConfig sets the flags that neither the command line nor the environment has set from
// the configuration file, if the command has one. It applies all valid settings, so that the
// first error is reported in the format of the log that the file selects.
func applyConfig(cmd *cobra.Command) error {
	file := cmd.Flags().Lookup(configFlag)
	if file == nil || !file.Changed {
		return nil
	}
	name := file.Value.String()
	if name == "" {
		return usageErrorf("--%s is empty: name the configuration file, or omit --%s and %s", configFlag, configFlag, variable(file))
	}
	content, err := settingfile.Read(name)
	if err != nil {
		return usageErrorf("cannot read the configuration file: %w; name another with --%s", err, configFlag)
	}
	entries, err := parseConfig(content)
	if err != nil {
		return usageErrorf("%s:%w", name, err)
	}
	var given []string // takes precedence over the file
	cmd.Flags().Visit(func(flag *pflag.Flag) { given = append(given, flag.Name) })
	var first error
	for _, e := range entries {
		place := fmt.Sprintf("%s:%d", name, e.line)
		if err := e.apply(cmd, given, place); err != nil && first == nil {
			first = usageErrorf("%s: %w", place, err)
		}
	}
	return first
}

// apply sets the flag of an entry, unless it or one that excludes it is already given.
func (e *configEntry) apply(cmd *cobra.Command, given []string, place string) error {
	flags := cmd.Flags()
	flag := flags.Lookup(e.name)
	switch {
	case flag == nil || e.isTable:
		return fmt.Errorf("unknown setting %q%s; see %q", e.name, didYouMean(similarSettings(cmd, e.name)...), cmd.CommandPath()+" --help")
	case !isSetting(flag):
		return fmt.Errorf("%q can only be a flag, not a setting of this file", e.name)
	case isSecret(flag):
		return fmt.Errorf("%q must not be in this file because it is a secret%s", e.name, secretAdvice(flags, flag))
	}
	values, err := e.flagValues(flag)
	if err != nil {
		return fmt.Errorf("%s cannot be %s: %w", e.name, e.text(), err)
	}
	excluded := func(name string) bool { return slices.Contains(flag.Annotations[excludesKey], name) }
	if slices.Contains(given, flag.Name) || slices.ContainsFunc(given, excluded) {
		return nil
	}
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		if err := list.Replace(values); err != nil {
			return fmt.Errorf("%s cannot be %s: %w", e.name, e.text(), err)
		}
		flag.Changed = true
	} else if err := flags.Set(flag.Name, values[0]); err != nil {
		return fmt.Errorf("%s cannot be %s: %w", e.name, e.text(), reason(err))
	}
	annotate(flags, sourceKey, []string{flag.Name}, []string{"file " + place})
	return nil
}

// secretAdvice returns where to put a secret instead.
func secretAdvice(flags *pflag.FlagSet, flag *pflag.Flag) string {
	if file := flag.Name + "-file"; flags.Lookup(file) != nil {
		return fmt.Sprintf(": write it into a file of its own, and name that with %q", file)
	}
	return ": set " + variable(flag) + " instead"
}

// similarSettings returns the names of the settings that may be meant by a name.
func similarSettings(cmd *cobra.Command, name string) (similar []string) {
	if name == "" {
		return nil // every flag would be similar
	}
	name = strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
	for _, flag := range similarFlags(cmd, name) {
		flag = strings.TrimPrefix(flag, "--")
		if isSetting(cmd.Flags().Lookup(flag)) {
			similar = append(similar, flag)
		}
	}
	return similar
}
