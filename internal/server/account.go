package server

import "sync/atomic"

// account counts bytes that are released later: when their owner ends, or when the
// connection is closed. A closed account counts nothing.
type account struct{ bytes atomic.Int64 } // closedAccount after close

const closedAccount = -1

// add adds bytes if the account is open, and reports whether it is.
func (a *account) add(bytes int64) bool {
	for {
		old := a.bytes.Load()
		if old == closedAccount {
			return false
		}
		if a.bytes.CompareAndSwap(old, old+bytes) {
			return true
		}
	}
}

// empty sets the account to 0 and returns how many bytes were in it.
func (a *account) empty() int64 {
	for {
		old := a.bytes.Load()
		if old <= 0 {
			return 0
		}
		if a.bytes.CompareAndSwap(old, 0) {
			return old
		}
	}
}

// close closes the account and returns how many bytes were in it.
func (a *account) close() int64 { return max(a.bytes.Swap(closedAccount), 0) }
