package main

// While goroutines run, the monitor thread of the Go runtime sleeps for 20 µs thousands of
// times a second. A larger timer slack, which is how late a sleep may end, in nanoseconds,
// reduces these wake-ups. A thread inherits the slack of the thread that starts it, so this
// constructor runs before the Go runtime. Without cgo it is omitted
// (docs/adr/0012-timer-slack.md).

/*
#include <sys/prctl.h>

__attribute__((constructor)) static void increase_timer_slack(void)
{
	if (prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL) < 500000)
		prctl(PR_SET_TIMERSLACK, 500000UL, 0UL, 0UL, 0UL);
}
*/
import "C"
