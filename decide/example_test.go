package decide_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/codec"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/decide"
)

type CourseDefined struct {
	Course string `json:"course"`
	Places int    `json:"places"`
}

type StudentJoined struct {
	Course  string `json:"course"`
	Student string `json:"student"`
}

var events = codec.New(
	codec.Of("CourseDefined", func(e CourseDefined) []string { return []string{"course:" + e.Course} }),
	codec.Of("StudentJoined", func(e StudentJoined) []string {
		return []string{"course:" + e.Course, "student:" + e.Student}
	}),
)

// course is what a decision about a course depends on.
type course struct {
	places, taken int
	students      map[string]bool
}

func (c *course) apply(event dcb.SequencedEvent) error {
	value, err := events.Decode(event.Event)
	switch e := value.(type) {
	case CourseDefined:
		c.places, c.students = e.Places, map[string]bool{}
	case StudentJoined:
		c.taken++
		c.students[e.Student] = true
	}
	return err
}

var (
	errCourseFull = errors.New("the course is full")
	errJoined     = errors.New("has joined already")
)

// enrol enrols a student in a course that has a place left. key identifies the request.
func enrol(ctx context.Context, store dcb.EventStore, id, student, key string) (uint64, error) {
	return decide.Decision[course]{
		Query: dcb.Query{Items: []dcb.QueryItem{{
			Types: []string{"CourseDefined", "StudentJoined"},
			Tags:  []string{"course:" + id},
		}}},
		Fold: (*course).apply,
		Decide: func(c *course) ([]dcb.Event, error) {
			switch {
			case c.students[student]:
				return nil, errJoined
			case c.taken >= c.places:
				return nil, errCourseFull
			}
			return events.Encode(StudentJoined{id, student})
		},
		Key: key,
	}.Run(ctx, store)
}

// A course has a number of places. A request that is repeated has the same result.
func ExampleDecision() {
	ctx := context.Background()
	store := umadb.OpenMemory()
	defer store.Close()

	defined, _ := events.Encode(CourseDefined{"botany", 2})
	fmt.Println(store.Append(ctx, defined, nil, nil))
	fmt.Println(enrol(ctx, store, "botany", "ann", "request-1"))
	fmt.Println(enrol(ctx, store, "botany", "bob", "request-2"))
	fmt.Println(enrol(ctx, store, "botany", "cem", "request-3"))
	fmt.Println(enrol(ctx, store, "botany", "ann", "request-4"))
	fmt.Println(enrol(ctx, store, "botany", "ann", "request-1"))
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
	// 0 the course is full
	// 0 has joined already
	// 2 <nil>
}

// An e-mail address belongs to at most one user. The state is the tag of that user.
func ExampleRun() {
	ctx := context.Background()
	store := umadb.OpenMemory()
	defer store.Close()

	claim := func(user, address string) (uint64, error) {
		tags := []string{"email:" + address, "user:" + user}
		query := dcb.Query{Items: []dcb.QueryItem{{
			Types: []string{"AddressClaimed", "AddressReleased"},
			Tags:  tags[:1],
		}}}
		owner := func(owner *string, event dcb.SequencedEvent) error {
			*owner = ""
			if event.Event.Type == "AddressClaimed" {
				*owner = event.Event.Tags[1]
			}
			return nil
		}
		return decide.Run(ctx, store, query, owner, func(owner *string) ([]dcb.Event, error) {
			switch *owner {
			case "":
				return []dcb.Event{{Type: "AddressClaimed", Tags: tags}}, nil
			case tags[1]:
				return nil, nil // nothing to do
			}
			return nil, errors.New("the address belongs to another user")
		})
	}
	fmt.Println(claim("ann", "a@example.com"))
	fmt.Println(claim("ann", "a@example.com"))
	fmt.Println(claim("bob", "a@example.com"))
	// Output:
	// 1 <nil>
	// 0 <nil>
	// 0 the address belongs to another user
}
