/* Asking the Go library, and waiting for what it answers. */

#include "exchange.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

/* How long a thread spins for the answer of a server before it sleeps, if that gave
 * its last one within this time. A server on the same machine answers in some 100 µs,
 * and to wake a thread, on a processor that has gone idle, takes tens of them. An
 * answer that takes longer costs this once. */
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

/* Writes to the control pipe, which blocks and is never closed: it cannot fail. Its
 * other end is in the process that loaded the library, so no child may come here. */
static void control(uint64_t verb, uint64_t what)
{
	umadb_control c = {verb, what};
	while (write(go.controls, &c, sizeof c) < 0 && errno == EINTR)
		;
}

void exchange_start(umadb_exchange *x, uint64_t notifier)
{
	x->asked = 1;
	x->notifier = notifier;
	umadb_retain(x);
	control(UMADB_START, (uint64_t)(uintptr_t)x);
}

/* Tells whether answers are fetched on the thread that wants them: those of an embedded
 * store that come before the thread would fall asleep. */
static int is_stepped(const Connection *c, const umadb_exchange *x)
{
	switch (x->method) {
	case UMADB_APPEND:
	case UMADB_HEAD:
	case UMADB_TRACKING:
	case UMADB_CHECK_HEALTH:
	case UMADB_READ:
		return c->local;
	}
	return 0;
}

/* Makes the library know of an exchange. For a stream this is done with the GIL, so that
 * a cancellation, which may come from another thread, is written behind the start. */
static void ask(const Connection *c, umadb_exchange *x)
{
	if (x->asked)
		return;
	if (is_stepped(c, x)) {
		x->asked = 1;
		go.begin(x);
	} else {
		exchange_start(x, 0);
	}
}

int exchange_take(umadb_exchange *x, umadb_answer *answer)
{
	pthread_mutex_lock(&x->lock);
	int there = x->count > 0, room = 0;
	if (there) {
		*answer = x->answers[x->head];
		x->head = (x->head + 1) % UMADB_CAPACITY;
		room = x->count-- == UMADB_AHEAD && !x->ended;
	}
	pthread_mutex_unlock(&x->lock);
	if (room)
		control(UMADB_ROOM, x->id);
	return there;
}

/* Looks for an answer until then, and lets others run meanwhile if they are to run on
 * this processor. */
static int spin(umadb_exchange *x, int64_t until)
{
	while (x->count == 0) {
		if (now() > until)
			return 0;
		sched_yield();
	}
	return 1;
}

/* Sleeps until there is an answer, or until a time. */
static void sleep_on(umadb_exchange *x, int64_t until)
{
	int failed = 0;
	pthread_mutex_lock(&x->lock);
	while (x->count == 0 && failed == 0)
		failed = until == FOREVER ? pthread_cond_wait(&x->arrived, &x->lock) : wait_timed(x, until);
	pthread_mutex_unlock(&x->lock);
}

/* Waits for the first time. Without the GIL. */
static void begin_to_wait(Connection *c, umadb_exchange *x, int64_t until)
{
	ask(c, x);
	if (is_stepped(c, x))
		go.step(x, until != FOREVER);
	if (c->local || x->method > UMADB_READ) {
		sleep_on(x, until); /* if at all, for the disk, or for something to happen */
		return;
	}
	int64_t begun = now();
	if (!c->near || !spin(x, begun + NEAR))
		sleep_on(x, until);
	c->near = now() - begun < NEAR;
}

/* Returns the time so many ns from now, or the latest time if that is earlier. */
static int64_t deadline(int64_t ns, int64_t latest)
{
	if (ns == FOREVER)
		return latest;
	int64_t begun = now();
	return ns < latest - begun ? begun + ns : latest;
}

int exchange_await(Connection *c, umadb_exchange *x, int64_t timeout, umadb_answer *answer)
{
	if (exchange_take(x, answer))
		return 0;
	int64_t patience = golib_patience(), latest = timeout ? deadline(timeout, FOREVER) : FOREVER;
	if (x->method >= UMADB_READ)
		ask(c, x);
	Py_BEGIN_ALLOW_THREADS
	begin_to_wait(c, x, deadline(patience, latest));
	Py_END_ALLOW_THREADS
	while (!exchange_take(x, answer)) {
		if (golib_go_on() < 0)
			return -1;
		if (now() >= latest)
			return raise_timeout();
		Py_BEGIN_ALLOW_THREADS
		sleep_on(x, deadline(patience, latest));
		Py_END_ALLOW_THREADS
	}
	return 0;
}

int exchange_arm(Connection *c, umadb_exchange *x, uint64_t notifier, umadb_answer *answer)
{
	if (exchange_take(x, answer))
		return 1;
	ask(c, x);
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

static int is_under_way(umadb_exchange *x)
{
	pthread_mutex_lock(&x->lock);
	int under_way = x->asked && !x->ended;
	pthread_mutex_unlock(&x->lock);
	return under_way;
}

void exchange_cancel(umadb_exchange *x)
{
	if (is_under_way(x))
		control(UMADB_CANCEL, x->id);
}

void exchange_cancel_all(void) { control(UMADB_CANCEL_ALL, last_id); }

/* Frees an answer that nobody wants. */
static void discard(const umadb_exchange *x, const umadb_answer *answer)
{
	free(answer->bytes);
	if (x->method == UMADB_OPEN && answer->kind == UMADB_OK) {
		Py_BEGIN_ALLOW_THREADS
		go.forget(answer->number);
		Py_END_ALLOW_THREADS
	}
}

void exchange_drop(umadb_exchange *x)
{
	umadb_answer unwanted;
	pthread_mutex_lock(&x->lock);
	x->dropped = 1; /* none is put from here on */
	pthread_mutex_unlock(&x->lock);
	while (exchange_take(x, &unwanted))
		discard(x, &unwanted);
	if (is_under_way(x))
		control(UMADB_DROP, x->id);
	umadb_release(x);
}
