// Package storetest is a conformance suite for event stores: an embedded store,
// a client and its server, or any server with a URL.
//
// Run checks the rules one by one, each in a subtest named by the behaviour.
// Model runs random sequences of calls against the store and against Naive, a
// simple reference implementation, and compares the results.
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t storetest.T) dcb.EventStore {
//			store, err := umadb.Open(t.TempDir(), nil)
//			if err != nil {
//				t.Fatalf("open: %v", err)
//			}
//			t.Cleanup(func() { store.Close() })
//			return store
//		}, storetest.Options{})
//	}
package storetest
