package cli

import (
	"bufio"
	"os"
)

// firstLine returns the first line of a file, without its newline. Errors contain the
// expected content of the line, and the flag that names the file.
func firstLine(name, what, flag string) (string, error) {
	if name == "" {
		return "", usageErrorf("%s is empty: name the file whose first line is the %s", flag, what)
	}
	unreadable := func(err error) error {
		return usageErrorf("cannot read the %s file: %w; name another with %s", what, err, flag)
	}
	file, err := os.Open(name)
	if err != nil {
		return "", unreadable(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan()
	switch {
	case lines.Err() != nil:
		return "", unreadable(lines.Err())
	case lines.Text() == "":
		return "", usageErrorf("the first line of the %s file %s is empty: it must be the %s", what, name, what)
	}
	return lines.Text(), nil
}
