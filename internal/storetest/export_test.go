package storetest

import "pgregory.net/rapid"

// RuleNames returns the names of all rules as heading/name.
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
				rule.check(newFixture(t, open, options))
				return
			}
		}
	}
	t.Errorf("unknown rule %q", name)
}

// CheckModel is Model for a test that is expected to fail.
func CheckModel(t rapid.TB, open Reopener) { checkModel(t, open) }
