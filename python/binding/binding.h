/* What the extension and the Go library say to each other: handles and bytes.
 * The extension includes this file for the types, and finds the functions, which
 * are in exports.go, by their names when it loads the library. */
#ifndef UMADB_BINDING_H
#define UMADB_BINDING_H

#include <stdint.h>

/* What became of a call. The errors are those of the table in docs/semantics.md. */
enum {
	UMADB_OK = 0,
	UMADB_END = 1,       /* of a stream */
	UMADB_CANCELLED = 2, /* or closed */
	UMADB_INTEGRITY = 3,
	UMADB_INVALID = 4,
	UMADB_AUTHENTICATION = 5,
	UMADB_CORRUPTION = 6,
	UMADB_IO = 7,
	UMADB_INTERNAL = 8,
	UMADB_SERIALIZATION = 9,
	UMADB_TRANSPORT = 10,
};

/* What can be asked. */
enum {
	/* With one answer. */
	UMADB_APPEND = 1,       /* an AppendRequest; gives the position */
	UMADB_HEAD = 2,         /* nothing; gives the position, if there is one */
	UMADB_TRACKING = 3,     /* the source; gives the position, if there is one */
	UMADB_CHECK_HEALTH = 4, /* the service; gives the status */
	UMADB_CLOSE = 5,        /* nothing */
	UMADB_OPEN = 6,         /* URL, CA file and key, each with a NUL behind it; gives the handle of a connection */
	/* With many answers, and then an error or UMADB_END. */
	UMADB_READ = 7,         /* a ReadRequest; gives ReadResponses */
	UMADB_SUBSCRIBE = 8,    /* a SubscribeRequest; gives SubscribeResponses */
	UMADB_WATCH_HEALTH = 9, /* the service; gives HealthCheckResponses */
};

/* An answer. */
typedef struct {
	int32_t kind;      /* UMADB_OK or why not */
	int32_t present;   /* whether number means anything */
	uint64_t number;   /* the answer; with an error, the conflicting position */
	char *bytes;       /* a message, or the text of an error; for free() */
	int64_t length;    /* of bytes */
} umadb_result;

/* What a thread tells the library, by a pipe: see orders.go. */
enum {
	UMADB_START = 1,      /* answer an exchange (its address), which the library holds from then on */
	UMADB_ROOM = 2,       /* an exchange (its number) has room for answers again */
	UMADB_CANCEL = 3,     /* end an exchange (its number) with UMADB_CANCELLED */
	UMADB_DROP = 4,       /* likewise, and nobody wants to know */
	UMADB_CANCEL_ALL = 5, /* end everything that has many answers */
};

typedef struct {
	uint64_t verb;
	uint64_t what;
} umadb_order;

#endif
