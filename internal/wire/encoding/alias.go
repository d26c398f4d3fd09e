package encoding

import "unsafe"

// aliasString views bytes as a string without copying. The bytes must not
// change as long as the string is in use.
func aliasString(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
