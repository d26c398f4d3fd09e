// Package selection selects events by texts that users write: the items of a query, times, and the
// positions that follow from them. The command line and the web interface share it.
package selection
