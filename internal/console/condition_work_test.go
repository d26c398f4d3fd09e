package console

import (
	"strconv"
	"testing"
)

// A condition is compared with an event by one look-up for each of its tags at most, however many tags the event has.
func TestWorkOfAComparison(t *testing.T) {
	c, tags := &shownCondition{}, 0
	for n := range 100 {
		item := shownItem{}
		for tag := range n {
			item.Tags = append(item.Tags, strconv.Itoa(tag))
		}
		c.Items, tags = append(c.Items, item), tags+n
	}
	for known, want := range map[int]int{0: 1, 50: 51, 100: 100} {
		lookups := 0
		found := c.matchesOf("A", func(tag string) bool {
			lookups++
			n, err := strconv.Atoi(tag)
			return err == nil && n < known
		})
		if len(found) != want || lookups > tags {
			t.Errorf("an event with %d of the tags matches %d items after %d look-ups, want %d items and at most %d", known, len(found), lookups, want, tags)
		}
	}
}
