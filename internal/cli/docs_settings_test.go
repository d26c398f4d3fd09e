package cli_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/cli"
)

// setting is a flag as shown in the documents.
type setting struct {
	name     string
	flag     string // with its shorthand and placeholder, as Markdown
	variable string // as Markdown; empty if the flag has none
	inConfig string // the name in a configuration file, as Markdown; empty if it cannot be there
	value    string // the default, as Markdown; empty if there is none
	usage    string
	commands []string // the commands that have it
}

func newSetting(f *pflag.Flag) setting {
	takes, usage := pflag.UnquoteUsage(f)
	if takes != "" {
		takes = " " + strings.ReplaceAll(takes, "|", `\|`)
	}
	usage, _, _ = strings.Cut(usage, " [env: ")
	usage = strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`).Replace(usage)
	s := setting{name: f.Name, flag: "`--" + f.Name + takes + "`", usage: usage}
	if f.Shorthand != "" {
		s.flag = "`-" + f.Shorthand + "`, " + s.flag
	}
	if variable := cli.Variable(f); variable != "" {
		s.variable = "`" + variable + "`"
	}
	if !slices.Contains([]string{"", "false", "[]", "0"}, f.DefValue) {
		s.value = "`" + f.DefValue + "`"
	}
	return s
}

// allSettings returns the flags of all commands, sorted by name. Flags that are equal in all
// commands are listed once, with their commands.
func allSettings() (all []setting) {
	for _, cmd := range commands()[1:] { // the root command has the flags of serve
		link := fmt.Sprintf("[%s](cli/%s.md)", nameBelowRoot(cmd), pageName(cmd))
		takesConfig := cmd.Flags().Lookup("config") != nil
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			s := newSetting(f)
			if takesConfig && cli.IsSetting(f) && !cli.IsSecret(f) {
				s.inConfig = "`" + f.Name + "`"
			}
			i := slices.IndexFunc(all, func(o setting) bool {
				return o.flag == s.flag && o.usage == s.usage && o.value == s.value && o.variable == s.variable
			})
			if i < 0 {
				i = len(all)
				all = append(all, s)
			}
			all[i].inConfig = cmp.Or(all[i].inConfig, s.inConfig)
			if !slices.Contains(all[i].commands, link) {
				all[i].commands = append(all[i].commands, link)
			}
		})
	}
	slices.SortStableFunc(all, func(a, b setting) int { return cmp.Compare(a.name, b.name) })
	return all
}

// variableTable returns a table with the flags of each variable.
func variableTable(settings []setting) string {
	flags := map[string][]string{}
	for _, s := range settings {
		if flag := "`--" + s.name + "`"; s.variable != "" && !slices.Contains(flags[s.variable], flag) {
			flags[s.variable] = append(flags[s.variable], flag)
		}
	}
	table := "| variable | flag |\n|---|---|\n"
	for _, variable := range slices.Sorted(maps.Keys(flags)) {
		table += fmt.Sprintf("| %s | %s |\n", variable, strings.Join(flags[variable], ", "))
	}
	return table
}

// settingTable returns a table with a row for each meaning of each flag.
func settingTable(settings []setting) string {
	table := "| flag | commands | variable | in the file of `umadb serve` | default | |\n|---|---|---|---|---|---|\n"
	for _, s := range settings {
		table += fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", s.flag, strings.Join(s.commands, ", "), s.variable, s.inConfig, s.value, s.usage)
	}
	return table
}
