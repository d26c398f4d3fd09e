package client

import (
	"encoding/json"
	"fmt"
)

// hiddenKey is printed instead of an API key.
const hiddenKey = "(hidden)"

// printable has the fields of Options without the methods that hide the API key.
type printable Options

func (o Options) printable() printable {
	if o.APIKey != "" {
		o.APIKey = hiddenKey
	}
	return printable(o)
}

// Format prints the options without the API key, for every verb.
func (o Options) Format(s fmt.State, verb rune) {
	fmt.Fprintf(s, fmt.FormatString(s, verb), o.printable())
}

// MarshalJSON encodes the options without the API key, so that they can be logged.
func (o Options) MarshalJSON() ([]byte, error) { return json.Marshal(o.printable()) }

// String returns a description with the URL of the server.
func (c *Client) String() string { return "UmaDB client of " + c.url }

// Format prints the result of String, for every verb.
func (c *Client) Format(s fmt.State, verb rune) {
	fmt.Fprintf(s, fmt.FormatString(s, verb), c.String())
}
