package cli

// EachExitCode calls a function with each exit code and what it means, for the
// tests that write documents.
func EachExitCode(do func(code int, meaning string)) {
	for _, c := range exitCodes {
		do(c.code, c.meaning)
	}
}

// Variable is the environment variable of a flag.
var Variable = variable
