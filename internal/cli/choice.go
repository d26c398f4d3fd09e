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

// String gives the value.
func (c *choice) String() string { return c.value }

// Set takes one of the possible values.
func (c *choice) Set(value string) error {
	if !slices.Contains(c.values, value) {
		return fmt.Errorf("it must be one of %s", strings.Join(c.values, ", "))
	}
	c.value = value
	return nil
}

// Type names the values in the help.
func (c *choice) Type() string { return strings.Join(c.values, "|") }
