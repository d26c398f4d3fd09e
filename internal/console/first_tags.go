package console

import "strings"

const (
	// maxTags is the maximum number of tags of an event that pages show, and maxTagBytes their maximum size. An event
	// may have 65,535 tags.
	maxTags     = 20
	maxTagBytes = 4 << 10
)

// tagList is the first tags of an event.
type tagList struct {
	Shown []string
	More  int // number of the others
}

// firstTags returns those of some tags that pages show. more is the number of further tags that the caller does not have.
func firstTags(tags []string, more ...int) tagList {
	n, size := 0, 0
	for n < min(len(tags), maxTags) && size+len(tags[n]) <= maxTagBytes {
		size += len(tags[n])
		n++
	}
	list := tagList{Shown: tags[:n:n], More: len(tags) - n}
	for _, n := range more {
		list.More += n
	}
	return list
}

// clone returns a list that does not refer to the memory of the event, which may be large.
func (l tagList) clone() tagList {
	shown := make([]string, len(l.Shown))
	for i, tag := range l.Shown {
		shown[i] = strings.Clone(tag)
	}
	return tagList{shown, l.More}
}
