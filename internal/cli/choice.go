package cli

import (
	"fmt"
	"slices"
	"strings"
)

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
