package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// isTerminal tells whether a person looks at what is written, or would have to
// type what is read.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// wantsColour tells whether to write in colours: on a terminal that has them,
// unless NO_COLOR is set (https://no-color.org).
func wantsColour(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
