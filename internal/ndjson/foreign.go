package ndjson

import (
	"bytes"
	"fmt"
)

// foreignFormats are formats that users may pass by mistake instead of lines of JSON, each
// with its first bytes and the command that converts it.
var foreignFormats = []struct{ begin, name, command string }{
	{"\x1f\x8b", "compressed with gzip: decompress it", "gzip -dc FILE"},
	{"\xfd7zXZ\x00", "compressed with xz: decompress it", "xz -dc FILE"},
	{"BZh", "compressed with bzip2: decompress it", "bzip2 -dc FILE"},
	{"\x28\xb5\x2f\xfd", "compressed with zstd: decompress it", "zstd -dc FILE"},
	{"\xff\xfe\x00\x00", "UTF-32 and not UTF-8: convert it", "iconv -f UTF-32 -t UTF-8 FILE"},
	{"\xff\xfe", utf16Name, "iconv -f UTF-16 -t UTF-8 FILE"},
	{"\xfe\xff", utf16Name, "iconv -f UTF-16 -t UTF-8 FILE"},
	{"\x00{", utf16Name, "iconv -f UTF-16BE -t UTF-8 FILE"},
	{"{\x00", utf16Name, "iconv -f UTF-16LE -t UTF-8 FILE"},
}

const utf16Name = "UTF-16, as Windows PowerShell writes it, and not UTF-8: convert it"

// rejectForeign returns an error if the input starts like one of foreignFormats. command
// is the command that reads it.
func rejectForeign(begin []byte, command string) error {
	for _, format := range foreignFormats {
		if bytes.HasPrefix(begin, []byte(format.begin)) {
			return fmt.Errorf("the input is %s first, as in %q", format.name, format.command+" | "+command)
		}
	}
	return nil
}
