#include "forks.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* Guarded by mutex, which is held during a fork: */
static int *descriptors;
static size_t count, capacity;

static void before_fork(void) { pthread_mutex_lock(&mutex); }

static void after_fork_in_parent(void) { pthread_mutex_unlock(&mutex); }

static void after_fork_in_child(void)
{
	while (count > 0)
		close(descriptors[--count]);
	pthread_mutex_unlock(&mutex);
}

int umadb_guard_forks(void)
{
	return pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void umadb_close_in_children(int descriptor)
{
	pthread_mutex_lock(&mutex);
	if (count == capacity) {
		size_t more = capacity * 2 + 16;
		int *larger = realloc(descriptors, more * sizeof *larger);
		if (larger == NULL)
			abort(); /* as Go does when memory is exhausted */
		descriptors = larger;
		capacity = more;
	}
	descriptors[count++] = descriptor;
	pthread_mutex_unlock(&mutex);
}

void umadb_keep_in_children(int descriptor)
{
	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < count; i++) {
		if (descriptors[i] == descriptor) {
			descriptors[i] = descriptors[--count];
			break;
		}
	}
	pthread_mutex_unlock(&mutex);
}
