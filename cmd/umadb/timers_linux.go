package main

// Go's monitor thread sleeps 20 µs at a time, thousands of times a second while there
// is something to do. A thread inherits from the one that starts it how late its sleeps
// may end, its timer slack, in nanoseconds: so this runs before Go does. Without cgo it
// is left out (docs/adr/0012-timer-slack.md).

/*
#include <sys/prctl.h>

__attribute__((constructor)) static void ease_timers(void)
{
	if (prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL) < 500000)
		prctl(PR_SET_TIMERSLACK, 500000UL, 0UL, 0UL, 0UL);
}
*/
import "C"
