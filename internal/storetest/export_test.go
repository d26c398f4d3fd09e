package storetest

import "pgregory.net/rapid"

// RuleNames gives the names of all rules, each after its heading.
func RuleNames() []string {
	var names []string
	for _, part := range suite {
		for _, rule := range part.rules {
			names = append(names, part.heading+"/"+rule.name)
		}
	}
	return names
}

// CheckRule checks one rule.
func CheckRule(t T, name string, open Opener, options Options) {
	for _, part := range suite {
		for _, rule := range part.rules {
			if part.heading+"/"+rule.name == name {
				rule.check(newScene(t, open, options))
				return
			}
		}
	}
	t.Errorf("there is no rule %q", name)
}

// CheckModel is Model for a test that is to fail.
func CheckModel(t rapid.TB, open Reopener) { checkModel(t, open) }
