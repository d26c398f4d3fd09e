package cli

// EachExitCode calls do with each exit code and its meaning, for the tests that generate
// documents.
func EachExitCode(do func(code int, meaning string)) {
	for _, c := range exitCodes {
		do(c.code, c.meaning)
	}
}

// Variable returns the environment variable of a flag.
var Variable = variable
