package dcb_test

import (
	"fmt"

	"github.com/umadb-go/umadb/dcb"
)

func ExampleQuery_Matches() {
	query := dcb.Query{Items: []dcb.QueryItem{
		{Types: []string{"StudentEnrolled", "StudentLeft"}, Tags: []string{"course:1"}},
		{Types: []string{"CourseDefined"}},
	}}
	fmt.Println(query.Matches("StudentLeft", []string{"student:ann", "course:1"}))
	fmt.Println(query.Matches("StudentLeft", []string{"course:2"}))
	fmt.Println(query.Matches("CourseDefined", nil))
	fmt.Println(query.MatchesAll(), dcb.Query{}.MatchesAll())
	// Output:
	// true
	// false
	// true
	// false true
}
