/* Asking the Go library, and waiting for what it answers. */

#include "exchange.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

enum { MICROSECOND = 1000, MILLISECOND = 1000 * MICROSECOND, SECOND = 1000 * MILLISECOND };

/* How long a thread looks for the answer of a server before it sleeps, if that gave
 * its last one within this time. A server on the same machine answers in some 100 µs,
 * and to wake a thread, on a processor that has gone idle, takes tens of them. An
 * answer that takes longer costs this once. */
enum { NEAR = 200 * MICROSECOND };

static uint64_t last_number;

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

#ifdef __APPLE__
static int make_condition(pthread_cond_t *condition) { return pthread_cond_init(condition, NULL); }

static int wait_for(umadb_exchange *x, int32_t milliseconds)
{
	struct timespec t = {milliseconds / 1000, milliseconds % 1000 * MILLISECOND};
	return pthread_cond_timedwait_relative_np(&x->come, &x->lock, &t);
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

static int wait_for(umadb_exchange *x, int32_t milliseconds)
{
	int64_t until = now() + (int64_t)milliseconds * MILLISECOND;
	struct timespec t = {until / SECOND, until % SECOND};
	return pthread_cond_timedwait(&x->come, &x->lock, &t);
}
#endif

umadb_exchange *exchange_new(Connection *c, int32_t method, void *bytes, Py_ssize_t size)
{
	umadb_exchange *x = calloc(1, sizeof *x);
	if (x == NULL || pthread_mutex_init(&x->lock, NULL) != 0 || make_condition(&x->come) != 0) {
		free(bytes);
		free(x);
		PyErr_NoMemory();
		return NULL;
	}
	x->number = ++last_number;
	x->connection = c->handle;
	x->method = method;
	x->batch = c->batch;
	x->request = bytes;
	x->length = size;
	x->holders = 1;
	return x;
}

static void order(uint64_t verb, uint64_t what)
{
	umadb_order o = {verb, what};
	while (write(go.orders, &o, sizeof o) < 0 && errno == EINTR)
		;
}

void exchange_start(umadb_exchange *x, uint64_t notifier)
{
	x->started = 1;
	x->notifier = notifier;
	umadb_hold(x);
	order(UMADB_START, (uint64_t)(uintptr_t)x);
}

/* Tells whether an embedded store answers before this thread would fall asleep. */
static int is_prompt(int32_t method)
{
	return method == UMADB_APPEND || method == UMADB_HEAD || method == UMADB_TRACKING || method == UMADB_CHECK_HEALTH || method == UMADB_READ;
}

/* Has the next answer fetched, if the library would not do so by itself. */
static void ask(const Connection *c, umadb_exchange *x, int hurry)
{
	if (c->local && is_prompt(x->method)) {
		x->stepped = 1;
		go.step(x, hurry && (x->method == UMADB_APPEND || x->method == UMADB_READ));
	} else if (!x->started) {
		exchange_start(x, 0);
	}
}

int exchange_take(umadb_exchange *x, umadb_result *answer)
{
	pthread_mutex_lock(&x->lock);
	int there = x->count > 0, room = 0;
	if (there) {
		*answer = x->answers[(int)x->first];
		x->first = (x->first + 1) % UMADB_PLACES;
		x->count--;
		room = x->full && x->count < UMADB_AHEAD && !x->ended;
		x->full &= !room;
	}
	pthread_mutex_unlock(&x->lock);
	if (room)
		order(UMADB_ROOM, x->number);
	return there;
}

/* Looks for an answer until then, and lets others run if there is nothing else to do
 * for this processor. */
static int look(umadb_exchange *x, int64_t until)
{
	while (x->count == 0) {
		if (now() > until)
			return 0;
		sched_yield();
	}
	return 1;
}

/* Sleeps until there is an answer, or so many milliseconds. */
static void sleep_on(umadb_exchange *x, int32_t milliseconds)
{
	int failed = 0;
	pthread_mutex_lock(&x->lock);
	while (x->count == 0 && failed == 0) {
		x->asleep = 1;
		failed = milliseconds == FOREVER ? pthread_cond_wait(&x->come, &x->lock) : wait_for(x, milliseconds);
	}
	pthread_mutex_unlock(&x->lock);
}

/* Asks, and waits for the first time. */
static void ask_and_wait(Connection *c, umadb_exchange *x, int32_t patience)
{
	int64_t begun = now();
	ask(c, x, patience != FOREVER);
	if (!c->near || !look(x, begun + NEAR))
		sleep_on(x, patience);
	if (!c->local && x->method != UMADB_SUBSCRIBE && x->method != UMADB_WATCH_HEALTH) /* which wait for something to happen */
		c->near = now() - begun < NEAR;
}

int exchange_await(Connection *c, umadb_exchange *x, umadb_result *answer)
{
	if (exchange_take(x, answer))
		return 0;
	int32_t patience = golib_patience();
	Py_BEGIN_ALLOW_THREADS
	ask_and_wait(c, x, patience);
	Py_END_ALLOW_THREADS
	while (!exchange_take(x, answer)) {
		if (golib_go_on() < 0)
			return -1;
		Py_BEGIN_ALLOW_THREADS
		sleep_on(x, patience);
		Py_END_ALLOW_THREADS
	}
	return 0;
}

int exchange_arm(Connection *c, umadb_exchange *x, uint64_t notifier, umadb_result *answer)
{
	if (exchange_take(x, answer))
		return 1;
	Py_BEGIN_ALLOW_THREADS
	ask(c, x, 1);
	pthread_mutex_lock(&x->lock);
	if (x->count == 0)
		x->notifier = notifier;
	pthread_mutex_unlock(&x->lock);
	Py_END_ALLOW_THREADS
	return exchange_take(x, answer);
}

static int is_under_way(umadb_exchange *x)
{
	pthread_mutex_lock(&x->lock);
	int under_way = (x->started || x->stepped) && !x->ended;
	pthread_mutex_unlock(&x->lock);
	return under_way;
}

void exchange_cancel(umadb_exchange *x)
{
	if (is_under_way(x))
		order(UMADB_CANCEL, x->number);
}

void exchange_drop(umadb_exchange *x)
{
	umadb_result unwanted;
	while (exchange_take(x, &unwanted)) {
		free(unwanted.bytes);
		if (x->method == UMADB_OPEN && unwanted.kind == UMADB_OK)
			go.forget(unwanted.number);
	}
	pthread_mutex_lock(&x->lock);
	x->dropped = 1;
	pthread_mutex_unlock(&x->lock);
	if (is_under_way(x))
		order(UMADB_DROP, x->number);
	umadb_let_go(x);
}

void exchange_cancel_all(void) { order(UMADB_CANCEL_ALL, 0); }
