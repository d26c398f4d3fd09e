package wire

import "strings"

const (
	// With is metadata of a request: words, separated by commas, for what an answer should have that
	// a server does not send without being asked. A server ignores words that it does not know.
	With = "umadb-with"
	// WithRecordedAt is the word for the recorded times of events, in Read and Subscribe.
	WithRecordedAt = "recorded-at"
	// WithProgress is the word for the progress of a subscription, in Subscribe and in a Read that
	// subscribes.
	WithProgress = "progress"
)

// HasWord reports whether a value of With contains a word.
func HasWord(value, word string) bool {
	for each := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(each) == word {
			return true
		}
	}
	return false
}
