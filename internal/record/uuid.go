package record

import "github.com/google/uuid"

// canonicalUUID returns s in lower case with hyphens, and reports whether s is a UUID
// or empty.
func canonicalUUID(s string) (string, bool) {
	if s == "" || isCanonicalUUID(s) {
		return s, true
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return "", false
	}
	if len(s) == 38 && (s[0] != '{' || s[37] != '}') {
		return "", false // the library does not check the braces
	}
	return id.String(), true
}

// isCanonicalUUID reports whether s is a UUID in lower case with hyphens.
func isCanonicalUUID[T ~string | ~[]byte](s T) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
