package client

import (
	"encoding/json"
	"fmt"
)

// hiddenKey is printed in place of an API key.
const hiddenKey = "(hidden)"

// printable is Options without the API key, and without the methods that hide it.
type printable Options

func (o Options) printable() printable {
	if o.APIKey != "" {
		o.APIKey = hiddenKey
	}
	return printable(o)
}

// Format prints the options without the API key, whatever the verb.
func (o Options) Format(s fmt.State, verb rune) {
	fmt.Fprintf(s, fmt.FormatString(s, verb), o.printable())
}

// MarshalJSON encodes the options without the API key, for logs in JSON.
func (o Options) MarshalJSON() ([]byte, error) { return json.Marshal(o.printable()) }

// String returns what the client is connected to.
func (c *Client) String() string { return "UmaDB client of " + c.url }

// Format prints String, whatever the verb.
func (c *Client) Format(s fmt.State, verb rune) {
	fmt.Fprintf(s, fmt.FormatString(s, verb), c.String())
}
