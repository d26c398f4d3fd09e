package logtest

// CheckRule checks the rule with this name, its heading and its own name.
func CheckRule(t T, name string, open Opener, options Options) {
	for _, part := range suite {
		for _, rule := range part.rules {
			if part.heading+"/"+rule.name == name {
				rule.check(newFixture(t, open, options))
				return
			}
		}
	}
	t.Fatalf("there is no rule %q", name)
}

// RuleNames returns the names of all rules.
func RuleNames() (names []string) {
	for _, part := range suite {
		for _, rule := range part.rules {
			names = append(names, part.heading+"/"+rule.name)
		}
	}
	return names
}
