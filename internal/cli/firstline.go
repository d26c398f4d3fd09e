package cli

import (
	"bufio"
	"os"
)

// firstLine returns the first line of a file, without its newline. Errors contain what
// the line should be, and the flag that names the file.
func firstLine(name, what, flag string) (string, error) {
	if name == "" {
		return "", usageErrorf("%s is empty: name the file whose first line is the %s", flag, what)
	}
	unreadable := func(err error) error {
		return usageErrorf("the %s file cannot be read: %w; name another with %s", what, err, flag)
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
		return "", usageErrorf("the first line of the %s file %s is empty: write the %s there", what, name, what)
	}
	return lines.Text(), nil
}
