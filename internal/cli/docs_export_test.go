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

// IsSetting reports whether a flag can be set in a configuration file.
var IsSetting = isSetting

// IsSecret reports whether the value of a flag is a secret.
var IsSecret = isSecret

// ConfigValue returns the value of a flag in the type that it has in a configuration file.
var ConfigValue = configValue

// AllCommands returns a command and all commands below it.
var AllCommands = allCommands

// ServerKey is serverKey.
var ServerKey = serverKey
