/* Reading and writing of protobuf messages, field by field. */
#ifndef UMADB_WIRE_H
#define UMADB_WIRE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
	const uint8_t *at, *end;
} reader;

typedef struct {
	uint64_t number;
	int type; /* wire type: 0 sets varint, 2 sets bytes and size, others set neither */
	uint64_t varint;
	const uint8_t *bytes;
	size_t size;
} field;

static inline int read_varint(reader *r, uint64_t *value)
{
	uint64_t v = 0;
	if (r->at < r->end && *r->at < 0x80) { /* most are one byte */
		*value = *r->at++;
		return 1;
	}
	for (int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		uint8_t b = *r->at++;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80) {
			*value = v;
			return 1;
		}
	}
	return 0;
}

static inline int skip_bytes(reader *r, uint64_t n)
{
	if (n > (uint64_t)(r->end - r->at))
		return -1;
	r->at += n;
	return 1;
}

/* Reads the next field. Returns 1, 0 at the end, or -1 if the message is invalid. */
static inline int next_field(reader *r, field *f)
{
	uint64_t tag, size;
	if (r->at == r->end)
		return 0;
	if (!read_varint(r, &tag))
		return -1;
	f->number = tag >> 3;
	f->type = tag & 7;
	switch (f->type) {
	case 0:
		return read_varint(r, &f->varint) ? 1 : -1;
	case 1:
		return skip_bytes(r, 8);
	case 2:
		if (!read_varint(r, &size))
			return -1;
		f->bytes = r->at;
		f->size = size;
		return skip_bytes(r, size);
	case 5:
		return skip_bytes(r, 4);
	}
	return -1;
}

/* Reads the next of some numbers of eight bytes, little-endian. Returns 0 at the end. */
static inline int next_fixed64(reader *r, int64_t *value)
{
	uint64_t v = 0;
	if (r->end - r->at < 8)
		return 0;
	for (int i = 7; i >= 0; i--)
		v = v << 8 | r->at[i];
	r->at += 8;
	*value = (int64_t)v;
	return 1;
}

/* What a ReadResponse or SubscribeResponse contains besides its events. */
typedef struct {
	uint64_t head;          /* if has_head */
	uint64_t checked, last; /* if has_progress: how far the subscription is, and the head of the store */
	reader times;           /* the numbers of recorded_at; empty if there are none */
	char has_head, has_progress;
} summary;

/* check.c: reports whether the bytes are a valid ReadResponse or SubscribeResponse, down to
 * each event. Sets its summary. */
int check_response(reader r, summary *found);

/* A message being written. When an allocation fails, failed is set and later writes do
 * nothing. */
typedef struct {
	uint8_t *bytes;
	size_t size, capacity;
	int failed;
} writer;

/* Returns where to write the next n bytes, or NULL if memory has run out. */
static inline uint8_t *reserve(writer *w, size_t n)
{
	if (w->failed)
		return NULL;
	if (w->capacity - w->size < n) {
		size_t capacity = 2 * w->capacity + n + 64;
		uint8_t *bytes = realloc(w->bytes, capacity);
		if (bytes == NULL) {
			w->failed = 1;
			return NULL;
		}
		w->bytes = bytes;
		w->capacity = capacity;
	}
	return w->bytes + w->size;
}

static inline void write_varint(writer *w, uint64_t v)
{
	uint8_t *at = reserve(w, 10);
	if (at == NULL)
		return;
	while (v >= 0x80) {
		*at++ = (uint8_t)v | 0x80;
		v >>= 7;
	}
	*at++ = (uint8_t)v;
	w->size = at - w->bytes;
}

static inline void write_number(writer *w, int number, uint64_t v)
{
	write_varint(w, number << 3);
	write_varint(w, v);
}

static inline void write_bytes(writer *w, int number, const void *bytes, size_t size)
{
	write_varint(w, number << 3 | 2);
	write_varint(w, size);
	uint8_t *at = reserve(w, size);
	if (at != NULL && size > 0) {
		memcpy(at, bytes, size);
		w->size += size;
	}
}

#endif
