/* Sending requests to the Go library and waiting for the answers. */

#include "exchange.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

/* How long a thread spins for the answer of a server before it sleeps, if the last answer
 * came within this time. A server on the same machine answers in about 100 µs, and waking
 * a thread takes tens of microseconds if its processor is idle. When a server becomes
 * slower, only one call spins in vain. */
enum { NEAR = 200 * MICROSECOND };

static uint64_t last_id;

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

#ifdef __APPLE__
static int make_condition(pthread_cond_t *condition) { return pthread_cond_init(condition, NULL); }

static int wait_timed(umadb_exchange *x, int64_t until)
{
	int64_t left = until - now();
	if (left <= 0)
		return ETIMEDOUT;
	struct timespec t = {left / SECOND, left % SECOND};
	return pthread_cond_timedwait_relative_np(&x->arrived, &x->lock, &t);
}
#else
static int make_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return -1;
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	int failed = pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
	return failed;
}

static int wait_timed(umadb_exchange *x, int64_t until)
{
	struct timespec t = {until / SECOND, until % SECOND};
	return pthread_cond_timedwait(&x->arrived, &x->lock, &t);
}
#endif

umadb_exchange *exchange_new(Connection *c, int32_t method, void *bytes, Py_ssize_t size, int64_t timeout)
{
	if (golib_check() < 0) {
		free(bytes);
		return NULL;
	}
	umadb_exchange *x = calloc(1, sizeof *x);
	if (x == NULL || pthread_mutex_init(&x->lock, NULL) != 0 || make_condition(&x->arrived) != 0) {
		free(bytes);
		free(x);
		PyErr_NoMemory();
		return NULL;
	}
	x->id = ++last_id;
	x->connection = c->handle;
	x->method = method;
	x->request = bytes;
	x->length = size;
	x->timeout = timeout;
	x->references = 1;
	return x;
}

/* Writes a command to the control pipe. The pipe blocks and is never closed, so this cannot
 * fail. The reader is in the process that loaded the library: a forked child must not
 * write. */
static void control(uint64_t command, uint64_t argument)
{
	umadb_control c = {command, argument};
	while (write(go.controls, &c, sizeof c) < 0 && errno == EINTR)
		;
}

void exchange_start(umadb_exchange *x, uint64_t notifier)
{
	x->started = 1;
	x->notifier = notifier;
	umadb_retain(x);
	control(UMADB_START, (uint64_t)(uintptr_t)x);
}

/* Reports whether the caller's thread runs the request itself: an embedded store answers
 * these methods faster than it takes to wake a thread. */
static int is_stepped(const Connection *c, const umadb_exchange *x)
{
	switch (x->method) {
	case UMADB_APPEND:
	case UMADB_HEAD:
	case UMADB_TRACKING:
	case UMADB_POSITION_AT:
	case UMADB_CHECK_HEALTH:
	case UMADB_READ:
		return c->local;
	}
	return 0;
}

/* Starts an exchange unless it has started. A stream is started with the GIL held, so that
 * another thread that cancels it writes UMADB_CANCEL after UMADB_START. */
static void ensure_started(const Connection *c, umadb_exchange *x)
{
	if (x->started)
		return;
	if (is_stepped(c, x)) {
		x->started = 1;
		go.begin(x);
	} else {
		exchange_start(x, 0);
	}
}

int exchange_take(umadb_exchange *x, umadb_answer *answer)
{
	pthread_mutex_lock(&x->lock);
	int taken = x->count > 0, was_full = 0;
	if (taken) {
		*answer = x->answers[x->head];
		x->head = (x->head + 1) % UMADB_CAPACITY;
		was_full = x->count-- == UMADB_PREFETCH && !x->ended;
	}
	pthread_mutex_unlock(&x->lock);
	if (was_full)
		control(UMADB_RESUME, x->id);
	return taken;
}

/* Polls the queue until a time and reports whether there is an answer. It yields the
 * processor between polls. */
static int spin(umadb_exchange *x, int64_t until)
{
	while (x->count == 0) {
		if (now() > until)
			return 0;
		sched_yield();
	}
	return 1;
}

/* Sleeps until there is an answer or the time is reached. */
static void sleep_on(umadb_exchange *x, int64_t until)
{
	int failed = 0;
	pthread_mutex_lock(&x->lock);
	while (x->count == 0 && failed == 0)
		failed = until == FOREVER ? pthread_cond_wait(&x->arrived, &x->lock) : wait_timed(x, until);
	pthread_mutex_unlock(&x->lock);
}

/* Starts the exchange if necessary, and steps, spins or sleeps. The caller must not hold
 * the GIL. */
static void first_wait(Connection *c, umadb_exchange *x, int64_t until)
{
	ensure_started(c, x);
	if (is_stepped(c, x))
		go.step(x, until != FOREVER);
	if (c->local || x->method > UMADB_READ) {
		sleep_on(x, until); /* the answer waits for the disk or for an event, or is there */
		return;
	}
	int64_t start = now();
	if (!c->near || !spin(x, start + NEAR))
		sleep_on(x, until);
	c->near = now() - start < NEAR;
}

/* Returns the time ns from now, but not later than latest. */
static int64_t deadline(int64_t ns, int64_t latest)
{
	if (ns == FOREVER)
		return latest;
	int64_t start = now();
	return ns < latest - start ? start + ns : latest;
}

int64_t exchange_deadline(int64_t timeout) { return timeout ? deadline(timeout, FOREVER) : FOREVER; }

int exchange_await(Connection *c, umadb_exchange *x, int64_t latest, umadb_answer *answer)
{
	if (exchange_take(x, answer))
		return 0;
	int64_t interval = golib_signal_interval();
	if (x->method >= UMADB_READ)
		ensure_started(c, x);
	Py_BEGIN_ALLOW_THREADS
	first_wait(c, x, deadline(interval, latest));
	Py_END_ALLOW_THREADS
	while (!exchange_take(x, answer)) {
		if (golib_check_signals() < 0)
			return -1;
		if (now() >= latest)
			return raise_timeout();
		Py_BEGIN_ALLOW_THREADS
		sleep_on(x, deadline(interval, latest));
		Py_END_ALLOW_THREADS
	}
	return 0;
}

int exchange_arm(Connection *c, umadb_exchange *x, uint64_t notifier, umadb_answer *answer)
{
	if (exchange_take(x, answer))
		return 1;
	ensure_started(c, x);
	if (is_stepped(c, x)) {
		Py_BEGIN_ALLOW_THREADS
		go.step(x, 1);
		Py_END_ALLOW_THREADS
	}
	pthread_mutex_lock(&x->lock);
	if (x->count == 0)
		x->notifier = notifier;
	pthread_mutex_unlock(&x->lock);
	return exchange_take(x, answer);
}

static int is_active(umadb_exchange *x)
{
	pthread_mutex_lock(&x->lock);
	int active = x->started && !x->ended;
	pthread_mutex_unlock(&x->lock);
	return active;
}

void exchange_cancel(umadb_exchange *x)
{
	if (is_active(x))
		control(UMADB_CANCEL, x->id);
}

void exchange_cancel_all(void) { control(UMADB_CANCEL_ALL, last_id); }

/* Frees an answer that was not used, with the connection that it opened. */
static void discard(const umadb_exchange *x, const umadb_answer *answer)
{
	free(answer->bytes);
	if (x->method == UMADB_OPEN && answer->kind == UMADB_OK) {
		Py_BEGIN_ALLOW_THREADS
		go.free_connection(answer->number);
		Py_END_ALLOW_THREADS
	}
}

void exchange_drop(umadb_exchange *x)
{
	umadb_answer unwanted;
	pthread_mutex_lock(&x->lock);
	x->dropped = 1; /* no answer is put from now on */
	pthread_mutex_unlock(&x->lock);
	while (exchange_take(x, &unwanted))
		discard(x, &unwanted);
	if (is_active(x))
		control(UMADB_DROP, x->id);
	umadb_release(x);
}
