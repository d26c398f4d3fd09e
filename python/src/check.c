/* Validation of messages from a server before they are used. */

#include "wire.h"

typedef struct message message;

/* What a field must contain. */
typedef struct {
	enum { UNKNOWN, NUMBER, BYTES, TEXT, NESTED } kind;
	const message *nested;
} content;

/* The fields of a message by number, and a bit for each required field. A number that is 0
 * counts as missing. */
struct message {
	content fields[6];
	unsigned required;
};

/* The messages of proto/umadb/v1/umadb.proto. */
static const message metadata = {{[1] = {TEXT, NULL}, [2] = {TEXT, NULL}}, 0};
static const message event = {{[1] = {TEXT, NULL}, [2] = {TEXT, NULL}, [3] = {BYTES, NULL}, [4] = {TEXT, NULL}, [5] = {NESTED, &metadata}}, 0};
static const message tracking = {{[1] = {TEXT, NULL}, [2] = {NUMBER, NULL}}, 0};
static const message sequenced = {{[1] = {NUMBER, NULL}, [2] = {NESTED, &event}, [3] = {NESTED, &tracking}}, 1 << 1 | 1 << 2};
static const message response = {{[1] = {NESTED, &sequenced}, [2] = {NUMBER, NULL}}, 0};

enum { RESPONSE_HEAD = 2, RESPONSE_RECORDED_AT = 100, RESPONSE_CHECKED = 101, RESPONSE_PROGRESS_HEAD = 102 };

/* Returns the length in bytes of a UTF-8 character that is not ASCII, or 0 if it is
 * invalid. */
static size_t character_length(const uint8_t *at, size_t size)
{
	uint8_t first = at[0];
	size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
	if (length == 0 || length > size)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	int overlong = (first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90);
	int surrogate = first == 0xed && at[1] > 0x9f;
	int beyond = first == 0xf4 && at[1] > 0x8f;
	return overlong || surrogate || beyond ? 0 : length;
}

static int is_text(const uint8_t *at, size_t size)
{
	while (size > 0) {
		uint64_t eight = 0x80;
		if (size >= sizeof eight)
			memcpy(&eight, at, sizeof eight);
		size_t length = (eight & 0x8080808080808080) == 0 ? sizeof eight : *at < 0x80 ? 1 : character_length(at, size);
		if (length == 0)
			return 0;
		at += length;
		size -= length;
	}
	return 1;
}

static int is_message(reader r, const message *expected);

static int is_field(const field *f, const content *expected)
{
	reader nested = {f->bytes, f->bytes + f->size};
	switch (expected->kind) {
	case UNKNOWN:
		return 1;
	case NUMBER:
		return f->type == 0;
	case BYTES:
		return f->type == 2;
	case TEXT:
		return f->type == 2 && is_text(f->bytes, f->size);
	case NESTED:
		return f->type == 2 && is_message(nested, expected->nested);
	}
	return 0;
}

static int is_message(reader r, const message *expected)
{
	field f = {.bytes = NULL};
	int more;
	unsigned seen = 0;
	while ((more = next_field(&r, &f)) > 0) {
		if (f.number >= sizeof expected->fields / sizeof *expected->fields)
			continue;
		const content *want = &expected->fields[f.number];
		if (!is_field(&f, want))
			return 0;
		if (want->kind != NUMBER || f.varint != 0)
			seen |= 1u << f.number;
	}
	return more == 0 && (seen & expected->required) == expected->required;
}

/* Servers send recorded_at packed, in one field. */
int check_response(reader r, summary *found)
{
	field f = {.bytes = NULL};
	memset(found, 0, sizeof *found);
	if (!is_message(r, &response))
		return 0;
	while (next_field(&r, &f) > 0) {
		if (f.number == RESPONSE_HEAD) {
			found->head = f.varint;
			found->has_head = 1;
		} else if (f.number == RESPONSE_RECORDED_AT && f.type == 2) {
			if (f.size % 8 != 0)
				return 0;
			found->times = (reader){f.bytes, f.bytes + f.size};
		} else if (f.number == RESPONSE_CHECKED && f.type == 0) {
			found->checked = f.varint;
			found->has_progress = 1;
		} else if (f.number == RESPONSE_PROGRESS_HEAD && f.type == 0) {
			found->last = f.varint;
		}
	}
	return 1;
}
