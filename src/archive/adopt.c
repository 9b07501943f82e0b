/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See adopt.h. Every step leaves a file that the next start can take up: a torn end is cut off,
 * then the record is appended, then the file gets its name and is renamed into its day.
 */
#include "archive/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "archive/runpolicy.h"
#include "archive/salvage.h"
#include "archive/segment.h"
#include "archive/staging.h"
#include "archive/store_private.h"
#include "base/clk.h"
#include "base/fileio.h"
#include "pcapfile/gzmember.h"

/*
 * What becomes of the files is told by the note before them, in the order of names. A note goes
 * once none of its files are left. Where it cannot be read they stay: a record that claims nothing
 * was hidden could be false.
 */
struct note {
	bool there;
	bool unknown; /* it cannot be read */
	uint64_t serial;
	uint64_t left;     /* files that stay where they are */
	struct record run; /* policy and snap length of the run that staged them */
};

struct adopting {
	struct archive *archive;
	const struct adopt_config *config;
	struct store *store;
	struct salvager *salvager;
	struct salvage found; /* of the present file */
	struct note note;
	void *given; /* names in segments that no index knows yet, see tsearch(3) */
	char error[RESCAN_ERROR_SIZE];
};

/* A staged file: its name taken apart, and open. */
struct staged {
	struct layout_staged name;
	int fd;
	struct stat st;
	struct extent flow; /* the flow file in it */
};

__attribute__((format(printf, 3, 4))) static enum adopt_result say(
    struct adopting *x, enum adopt_result what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(x->error, sizeof(x->error), fmt, ap);
	va_end(ap);
	return what;
}

static enum adopt_result failed(struct adopting *x, const char *step, int rv)
{
	return say(x, ADOPT_FAILED, "%s: %s", step, strerror(-rv));
}

static bool is_unnamed(const struct staged *f)
{
	return strcmp(f->name.uuid, STORE_UNNAMED) == 0;
}

/*
 * Opens a regular file for reading, cutting and appending. It is looked at before: opening a device
 * does things. Returns ADOPT_PUBLISHED where it is open.
 */
static enum adopt_result open_staged(struct adopting *x, const char *name, struct staged *f)
{
	int dir = archive_staging(x->archive);

	if (fstatat(dir, name, &f->st, AT_SYMLINK_NOFOLLOW) != 0)
		return failed(x, "stat", -errno);
	if (!S_ISREG(f->st.st_mode))
		return say(x, ADOPT_DAMAGED, "not a regular file");
	f->fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0 || fstat(f->fd, &f->st) != 0)
		return failed(x, "open", -errno);
	if (!S_ISREG(f->st.st_mode))
		return say(x, ADOPT_DAMAGED, "not a regular file");
	return ADOPT_PUBLISHED;
}

/* ---- the record of a flow that was never closed ---- */

/* Is the staged name the one that a saver would have made, with the VLAN ids or without? */
static bool is_generated(const struct adopting *x, const char *uuid, struct flowkey *k)
{
	const struct salvage *s = &x->found;
	struct flowkey plain = s->sums.key, tagged = plain;
	char buf[LAYOUT_UUID_SIZE];

	memcpy(tagged.vlan, s->vlan, sizeof(tagged.vlan));
	if (strcmp(x->config->generate(&plain, s->origin_ns, s->origin_seq, buf), uuid) == 0)
		*k = plain;
	else if (strcmp(x->config->generate(&tagged, s->origin_ns, s->origin_seq, buf), uuid) == 0)
		*k = tagged;
	else
		return false;
	return true;
}

/*
 * The packets that the name was made of may not have come to the disk. No event gave it in a run
 * that had none; that is believed of a name of the form that savers make.
 */
static bool looks_generated(const struct adopting *x, const char *uuid)
{
	uint8_t bytes[16];

	return x->note.there && !x->note.unknown && x->note.run.uuid_source == UUID_GENERATED &&
	       layout_uuid_bytes(uuid, bytes) && bytes[6] >> 4 == 5 && bytes[8] >> 6 == 2;
}

/* The published first part of a flow, where it lies in one day. */
static bool read_first_part(
    const struct adopting *x, const struct record *r, int32_t day, struct record *ret_first)
{
	char name[LAYOUT_NAME_SIZE], error[RESCAN_ERROR_SIZE];
	int dir = archive_open_day(x->archive, day);
	struct flowkey k = r->key;
	int rv;

	if (dir < 0)
		return false;
	rv = rescan_file(dir, day, layout_file_name(r->uuid, 0, name), ret_first, error);
	fileio_close(dir);
	if (rv != 0)
		return false;
	memcpy(k.vlan, ret_first->key.vlan, sizeof(k.vlan));
	return flowkey_equal(&k, &ret_first->key);
}

/* The same where it lies in a segment, as the index has it. */
static bool find_first_part(
    const struct adopting *x, const struct record *r, int32_t day, struct record *ret_first)
{
	struct dayindex *index;
	struct flowkey k = r->key;
	int rv;

	if (dayindex_open(x->archive, day, DAYINDEX_READ, &index) != 0)
		return false;
	rv = dayindex_find(index, r->uuid, 0, ret_first);
	dayindex_close(index);
	if (rv != 1 || ret_first->segment == 0)
		return false;
	memcpy(k.vlan, ret_first->key.vlan, sizeof(k.vlan));
	return flowkey_equal(&k, &ret_first->key);
}

/*
 * What a later part cannot know of its flow is told by the first one, if that lies in the same day
 * or the day before. Else the part is taken at its own word.
 */
static void learn_from_first_part(const struct adopting *x, struct record *r)
{
	struct record first;

	if (!read_first_part(x, r, r->day, &first) && !find_first_part(x, r, r->day, &first) &&
	    !read_first_part(x, r, r->day - 1, &first) &&
	    !find_first_part(x, r, r->day - 1, &first))
		return;
	if (r->part == 0)
		r->part = 1; /* or higher: what counts for the record is that it is not the first */
	r->client = first.client;
	r->uuid_source = first.uuid_source;
	memcpy(r->key.vlan, first.key.vlan, sizeof(r->key.vlan));
}

static void make_record(const struct adopting *x, const struct staged *f, struct record *r)
{
	const struct salvage *s = &x->found;

	*r = (struct record){.key = s->sums.key,
	    .tally = s->sums.tally,
	    .client = tally_client(&s->sums.roles, &s->sums.key),
	    .end_reason = END_CRASH,
	    .uuid_source = UUID_GENERATED,
	    .part = f->name.part,
	    .policy = x->note.run.policy,
	    .snaplen = x->note.run.snaplen,
	    .day = clk_day(s->sums.tally.first_ns)};
	if (x->config->vlan_key == VLAN_KEY_YES)
		memcpy(r->key.vlan, s->vlan, sizeof(r->key.vlan));
	if (is_unnamed(f)) {
		(void)x->config->generate(&r->key, s->origin_ns, s->origin_seq, r->uuid);
		return;
	}
	(void)snprintf(r->uuid, sizeof(r->uuid), "%s", f->name.uuid);
	if (is_generated(x, f->name.uuid, &r->key))
		return;
	r->uuid_source = looks_generated(x, r->uuid) ? UUID_GENERATED : UUID_EVENT;
	learn_from_first_part(x, r);
}

/* ---- publishing ---- */

struct twin {
	const struct stat *st;
	bool found;
};

static int is_twin(int dirfd, const char *name, void *arg)
{
	struct twin *t = arg;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	t->found |= st.st_dev == t->st->st_dev && st.st_ino == t->st->st_ino;
	return 0;
}

/*
 * Was the file linked to its name already, and only its staged name is left to go? It may have any
 * number, so that comparing from the first on would not find it.
 */
static bool is_linked(const struct adopting *x, const struct staged *f, int32_t day)
{
	struct twin t = {.st = &f->st};

	return f->st.st_nlink > 1 && rescan_day(x->archive, day, is_twin, &t) == 0 && t.found;
}

/* A published part of a flow, wherever it lies in its day; the caller closes the descriptor. */
static bool open_published(
    const struct adopting *x, const struct record *r, uint32_t number, struct extent *ret_extent)
{
	char name[LAYOUT_NAME_SIZE];
	int dir = archive_open_day(x->archive, r->day);
	struct dayindex *index;
	struct record row = {.segment = 0};
	int fd;

	if (dir < 0)
		return false;
	if (dayindex_open(x->archive, r->day, DAYINDEX_READ, &index) == 0) {
		(void)dayindex_find(index, r->uuid, number, &row); /* else there may be a file */
		dayindex_close(index);
	}
	fd = row.segment != 0 ? segment_open(dir, row.segment)
			      : openat(dir, layout_file_name(r->uuid, number, name),
				    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	fileio_close(dir);
	if (fd < 0)
		return false;
	if (fileio_extent(fd, ret_extent) != 0) {
		fileio_close(fd);
		return false;
	}
	if (row.segment != 0) {
		ret_extent->offset = row.offset;
		ret_extent->length = row.length;
	}
	return true;
}

/*
 * Does a published part of the flow begin with these very members? A split that was killed is run
 * again, which archives the whole of what the first run had only begun.
 */
static bool is_begun(const struct adopting *x, const struct staged *f, const struct record *r)
{
	const struct store_source src = {.head = {f->fd, f->flow.offset, x->found.end}};
	struct extent e;
	int same = 0;

	for (uint32_t n = f->name.part; same != 1 && open_published(x, r, n, &e); n++) {
		if (e.length > src.head.length)
			e.length = src.head.length;
		same = store_same_bytes(x->store, &e, &src);
		fileio_close(e.fd);
	}
	return same == 1;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/*
 * In segments the index tells which names are taken, and it knows nothing yet of what was published
 * since the adoption began. Remembers a name. Returns 0; -EEXIST it was given away by us; -ENOMEM.
 */
static int remember_name(struct adopting *x, const struct record *r, uint32_t part)
{
	char name[LAYOUT_NAME_SIZE], day[LAYOUT_DAY_SIZE], *key;
	char **node;

	if (x->config->store != STORE_SEGMENTS)
		return 0;
	if (asprintf(&key, "%s/%s", layout_day_path(r->day, day),
		layout_file_name(r->uuid, part, name)) < 0)
		return -ENOMEM;
	node = tsearch(key, &x->given, by_text);
	if (node != NULL && *node == key)
		return 0;
	free(key);
	return node != NULL ? -EEXIST : -ENOMEM;
}

/* Appends data, which makes the file complete, and publishes it. */
static enum adopt_result publish(
    struct adopting *x, const struct staged *f, struct record *r, const void *data, size_t len)
{
	enum store_result result = STORE_PUBLISHED;
	struct store_part part = {.uuid = r->uuid,
	    .day = r->day,
	    .serial = f->name.serial,
	    .part = f->name.part,
	    .mtime_ns = r->tally.last_ns};
	/* What was begun again once it had its name lies beside it, and goes first. */
	int rv = store_rename_staged(x->store, &part, f->name.uuid);

	if (rv == -EEXIST)
		return say(x, ADOPT_LATER, "another unfinished file has its name");
	if (rv != 0)
		return failed(x, "cannot be renamed", rv);
	rv = remember_name(x, r, part.part);
	if (rv == -EEXIST)
		return say(x, ADOPT_LATER, "another part got its name just now");
	if (rv != 0)
		return failed(x, "cannot be published", rv);
	rv = store_publish_staged(x->store, &part, data, len, &result);
	if (rv != 0)
		return failed(x, "cannot be published", rv);
	if (result == STORE_PUBLISHED && part.part != f->name.part)
		(void)remember_name(x, r, part.part); /* mending tells the two apart, too */
	r->part = part.part;
	r->segment = part.segment;
	r->offset = part.offset;
	r->length = part.length;
	return result == STORE_PUBLISHED ? ADOPT_PUBLISHED : ADOPT_DUPLICATE;
}

static int discard_staged(const struct adopting *x, const struct staged *f)
{
	const struct store_part part = {
	    .uuid = f->name.uuid, .serial = f->name.serial, .part = f->name.part};

	return store_discard_staged(x->store, &part);
}

static enum adopt_result discard_duplicate(struct adopting *x, const struct staged *f)
{
	int rv = discard_staged(x, f);

	return rv == 0 ? ADOPT_DUPLICATE : failed(x, "cannot be removed", rv);
}

/* Its record is there: only the rename was missing. */
static enum adopt_result publish_complete(
    struct adopting *x, const struct staged *f, struct record *r)
{
	int rv = rescan_extent(&f->flow, r, x->error);

	if (rv != 0)
		return rv == -EBADMSG ? ADOPT_DAMAGED : ADOPT_FAILED;
	if (!is_unnamed(f) && strcmp(r->uuid, f->name.uuid) != 0)
		return say(x, ADOPT_DAMAGED, "its record names another flow");
	r->day = clk_day(r->tally.first_ns);
	if (is_linked(x, f, r->day) || (x->config->tidy && is_begun(x, f, r)))
		return discard_duplicate(x, f);
	return x->config->tidy ? ADOPT_LATER : publish(x, f, r, "", 0);
}

static enum adopt_result publish_partial(
    struct adopting *x, const struct staged *f, struct record *r)
{
	uint8_t member[RECORD_JSON_MAX + GZMEMBER_EXTRA_OVERHEAD];
	const struct salvage *s = &x->found;
	enum adopt_result what;
	char json[RECORD_JSON_MAX];
	size_t len;

	if (f->st.st_nlink > 1)
		return say(x, ADOPT_DAMAGED, "it has other names, too: not touched");
	if (x->note.unknown)
		return say(x, ADOPT_FAILED,
		    "the note of the policy it was staged under, beside it, "
		    "cannot be read");
	make_record(x, f, r);
	if (is_begun(x, f, r))
		return discard_duplicate(x, f);
	if (x->config->tidy)
		return ADOPT_LATER;
	if (s->end < s->size && ftruncate(f->fd, (off_t)(f->flow.offset + s->end)) != 0)
		return failed(x, "cannot be cut", -errno);
	len = record_format(r, json);
	len = gzmember_write_extra(RECORD_ID, json, len, member);
	what = publish(x, f, r, member, len);
	if (what == ADOPT_PUBLISHED && s->end < s->size)
		return say(x, what, "%" PRIu64 " bytes at its end were cut off: %s",
		    s->size - s->end, s->error);
	return what;
}

static enum adopt_result discard(struct adopting *x, const struct staged *f)
{
	int rv = discard_staged(x, f);

	if (rv != 0)
		return failed(x, "cannot be removed", rv);
	return say(x, ADOPT_EMPTY, "%s", x->found.error);
}

static enum adopt_result adopt_open(struct adopting *x, struct staged *f, struct record *r)
{
	int rv = store_staged_extent(f->fd, &f->flow);

	if (rv == 0)
		rv = salvage_read(x->salvager, &f->flow, &x->found);
	if (rv != 0)
		return failed(x, "cannot be read", rv);
	switch (x->found.state) {
	case SALVAGE_COMPLETE:
		return publish_complete(x, f, r);
	case SALVAGE_PARTIAL:
		return publish_partial(x, f, r);
	case SALVAGE_EMPTY:
		return discard(x, f);
	default:
		return say(x, ADOPT_DAMAGED, "%s", x->found.error);
	}
}

static enum adopt_result adopt_one(struct adopting *x, const char *name, struct record *r)
{
	struct staged f = {.fd = -1};
	enum adopt_result what;

	x->error[0] = '\0';
	if (!layout_parse_staged_name(name, &f.name))
		return say(x, ADOPT_DAMAGED, "not the name of a staged file");
	what = open_staged(x, name, &f);
	if (what == ADOPT_PUBLISHED)
		what = adopt_open(x, &f, r);
	fileio_close(f.fd);
	return what;
}

/* ---- the directory ---- */

static void count(struct adopt_totals *t, enum adopt_result what, const struct record *r)
{
	switch (what) {
	case ADOPT_PUBLISHED:
		t->published++;
		t->packets += r->tally.pkts[0] + r->tally.pkts[1];
		break;
	case ADOPT_DUPLICATE:
		t->duplicate++;
		break;
	case ADOPT_EMPTY:
		t->empty++;
		break;
	case ADOPT_DAMAGED:
		t->damaged++;
		break;
	case ADOPT_FAILED:
		t->failed++;
		break;
	case ADOPT_LATER:
		t->later++;
		break;
	}
}

static void end_note(struct adopting *x)
{
	if (x->note.there && x->note.left == 0)
		runpolicy_remove(x->archive, x->note.serial);
	x->note = (struct note){.run = {.snaplen = PACKET_MAX_CAPLEN}};
}

static bool take_note(struct adopting *x, const char *name)
{
	struct note *n = &x->note;
	uint64_t serial;

	if (!runpolicy_name_valid(name, &serial))
		return false;
	end_note(x);
	n->there = true;
	n->serial = serial;
	n->unknown = runpolicy_read(x->archive, serial, &n->run) != 0;
	return true;
}

static bool stays(enum adopt_result what)
{
	return what == ADOPT_DAMAGED || what == ADOPT_FAILED || what == ADOPT_LATER;
}

static void adopt_all(struct adopting *x, const struct staging *s, struct adopt_totals *t)
{
	const struct adopt_config *c = x->config;

	end_note(x);
	for (size_t i = 0; i < s->count; i++) {
		struct record r;
		enum adopt_result what;

		if (take_note(x, s->names[i]))
			continue;
		what = adopt_one(x, s->names[i], &r);
		x->note.left += stays(what);
		count(t, what, &r);
		if (c->fn != NULL)
			c->fn(s->names[i], what, what == ADOPT_PUBLISHED ? &r : NULL, x->error,
			    c->arg);
	}
	end_note(x);
}

static int new_store(struct adopting *x)
{
	const struct store_config c = {.archive = x->archive,
	    .kind = x->config->store,
	    .sync = x->config->sync,
	    .names = x->config->names};

	return store_new(&c, &x->store);
}

int adopt_staged(
    struct archive *a, const struct adopt_config *config, struct adopt_totals *ret_totals)
{
	struct adopting x = {.archive = a, .config = config};
	struct adopt_totals totals = {0};
	struct staging s = {0};
	int rv = staging_read(archive_staging(a), &s);

	if (rv == 0 && s.count > 0)
		rv = salvage_new(&x.salvager);
	if (rv == 0 && s.count > 0)
		rv = new_store(&x);
	if (rv == 0)
		adopt_all(&x, &s, &totals);
	/* On disk before the mending indexes it, as the catalog has it. */
	if (rv == 0 && config->sync == SYNC_GROUP && totals.published > 0 &&
	    syncfs(archive_root(a)) != 0)
		rv = -errno;
	store_free(x.store);
	salvage_free(x.salvager);
	tdestroy(x.given, free);
	staging_free(&s);
	if (rv == 0)
		*ret_totals = totals;
	return rv;
}
