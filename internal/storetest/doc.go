// Package storetest tells whether an event store behaves as an event store
// must, whatever it is made of: embedded, a client and its server, or any
// server that a URL leads to.
//
// Run checks the rules one by one, each in a subtest named by the behaviour.
// Model plays random sequences of calls against the store and against Naive,
// which is right for being simple, and compares the answers.
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
