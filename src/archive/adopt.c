/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See adopt.h. Every step leaves a file that the next start can take up: a torn end is cut off,
 * then the record is appended, then the file gets its name and is renamed into its day.
 */
#include "archive/adopt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/runpolicy.h"
#include "archive/salvage.h"
#include "base/clk.h"
#include "base/fileio.h"
#include "pcapfile/gzmember.h"

#define SEQ_DIGITS 16u

struct adopting {
	struct archive *archive;
	const struct adopt_config *config;
	struct store *store;
	struct salvager *salvager;
	struct salvage found; /* of the present file */
	struct record run;    /* policy and snap length of the run that staged it */
	bool run_unknown;     /* they were noted, but the note cannot be read */
	char error[RESCAN_ERROR_SIZE];
};

/* A staged file: its name taken apart, and open. */
struct staged {
	uint64_t serial;
	const char *uuid; /* within its name; STORE_UNNAMED where it has none */
	int fd;
	struct stat st;
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
	return strcmp(f->uuid, STORE_UNNAMED) == 0;
}

/* SEQ.UUID or SEQ.-, in the one spelling that we write. */
static bool parse_name(const char *name, struct staged *f)
{
	if (strspn(name, "0123456789abcdef") != SEQ_DIGITS || name[SEQ_DIGITS] != '.' ||
	    !layout_uuid_valid(name + SEQ_DIGITS + 1))
		return false;
	f->serial = strtoull(name, NULL, 16);
	f->uuid = name + SEQ_DIGITS + 1;
	return true;
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

/*
 * What a later part cannot know of its flow is told by the first one, if that lies in the same day
 * or the day before. Else the part is taken at its own word.
 */
static void learn_from_first_part(const struct adopting *x, struct record *r)
{
	struct record first;

	if (!read_first_part(x, r, r->day, &first) && !read_first_part(x, r, r->day - 1, &first))
		return;
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
	    .policy = x->run.policy,
	    .snaplen = x->run.snaplen,
	    .day = clk_day(s->sums.tally.first_ns)};
	if (x->config->vlan_key == VLAN_KEY_YES)
		memcpy(r->key.vlan, s->vlan, sizeof(r->key.vlan));
	if (is_unnamed(f)) {
		(void)x->config->generate(&r->key, s->origin_ns, s->origin_seq, r->uuid);
		return;
	}
	(void)snprintf(r->uuid, sizeof(r->uuid), "%s", f->uuid);
	if (is_generated(x, f->uuid, &r->key))
		return;
	r->uuid_source = UUID_EVENT;
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

/* The number to try first: where the first part lies in the day before, this is a later one. */
static uint32_t first_number(const struct adopting *x, const struct record *r)
{
	char name[LAYOUT_NAME_SIZE];
	int dir = archive_open_day(x->archive, r->day - 1);
	bool there = dir >= 0 && faccessat(dir, layout_file_name(r->uuid, 0, name), F_OK,
				     AT_SYMLINK_NOFOLLOW) == 0;

	fileio_close(dir);
	return there ? 1 : 0;
}

/* Appends data, which makes the file complete, and publishes it. */
static enum adopt_result publish(
    struct adopting *x, const struct staged *f, struct record *r, const void *data, size_t len)
{
	enum store_result result = STORE_PUBLISHED;
	struct store_part part = {
	    .uuid = r->uuid, .day = r->day, .serial = f->serial, .part = first_number(x, r)};
	int rv = store_rename_staged(x->store, &part, f->uuid);

	if (rv != 0)
		return failed(x, "cannot be renamed", rv);
	rv = store_publish_staged(x->store, &part, data, len, &result);
	if (rv != 0)
		return failed(x, "cannot be published", rv);
	r->part = part.part;
	r->length = part.length;
	return result == STORE_PUBLISHED ? ADOPT_PUBLISHED : ADOPT_DUPLICATE;
}

/* Its record is there: only the rename was missing. */
static enum adopt_result publish_complete(
    struct adopting *x, const struct staged *f, struct record *r)
{
	int rv = rescan_fd(f->fd, r, x->error);

	if (rv != 0)
		return rv == -EBADMSG ? ADOPT_DAMAGED : ADOPT_FAILED;
	if (!is_unnamed(f) && strcmp(r->uuid, f->uuid) != 0)
		return say(x, ADOPT_DAMAGED, "its record names another flow");
	r->day = clk_day(r->tally.first_ns);
	if (is_linked(x, f, r->day)) {
		struct store_part part = {.uuid = f->uuid, .serial = f->serial};

		rv = store_discard_staged(x->store, &part);
		return rv == 0 ? ADOPT_DUPLICATE : failed(x, "cannot be removed", rv);
	}
	return publish(x, f, r, "", 0);
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
	if (x->run_unknown)
		return say(x, ADOPT_FAILED,
		    "the note of the policy it was staged under, beside it, "
		    "cannot be read");
	make_record(x, f, r);
	if (s->end < s->size && ftruncate(f->fd, (off_t)s->end) != 0)
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
	struct store_part part = {.uuid = f->uuid, .serial = f->serial};
	int rv = store_discard_staged(x->store, &part);

	if (rv != 0)
		return failed(x, "cannot be removed", rv);
	return say(x, ADOPT_EMPTY, "%s", x->found.error);
}

static enum adopt_result adopt_open(struct adopting *x, const struct staged *f, struct record *r)
{
	int rv = salvage_read(x->salvager, f->fd, &x->found);

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
	if (!parse_name(name, &f))
		return say(x, ADOPT_DAMAGED, "not the name of a staged file");
	what = open_staged(x, name, &f);
	if (what == ADOPT_PUBLISHED)
		what = adopt_open(x, &f, r);
	fileio_close(f.fd);
	return what;
}

/* ---- the directory ---- */

struct names {
	char **name;
	size_t count, room;
};

static void names_free(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->name[i]);
	free(n->name);
}

static int add_name(struct names *n, const char *name)
{
	if (n->count == n->room) {
		size_t room = n->room ? n->room * 2 : 64;
		char **p = realloc(n->name, room * sizeof(*p));

		if (p == NULL)
			return -ENOMEM;
		n->name = p;
		n->room = room;
	}
	n->name[n->count] = strdup(name);
	if (n->name[n->count] == NULL)
		return -ENOMEM;
	n->count++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All names, before any of them is changed, in the order in which their flows began. */
static int read_names(const struct archive *a, struct names *n)
{
	int fd = openat(archive_staging(a), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rv = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL) {
		rv = -errno;
		fileio_close(fd);
		return rv;
	}
	while (rv == 0) {
		struct dirent *e = (errno = 0, readdir(d));

		if (e == NULL) {
			rv = -errno; /* 0 at the end */
			break;
		}
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rv = add_name(n, e->d_name);
	}
	(void)closedir(d); /* only read from */
	if (n->count > 0)
		qsort(n->name, n->count, sizeof(*n->name), by_name);
	return rv;
}

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
	}
}

/*
 * What becomes of the files is told by the note before them, in the order of names. A note goes
 * once none of its files are left. Where it cannot be read they stay: a record that claims nothing
 * was hidden could be false.
 */
struct note {
	uint64_t serial;
	uint64_t left; /* files that stay where they are */
	bool there;
};

static void end_note(struct adopting *x, struct note *n)
{
	if (n->there && n->left == 0)
		runpolicy_remove(x->archive, n->serial);
	*n = (struct note){0};
	x->run = (struct record){.snaplen = PACKET_MAX_CAPLEN};
	x->run_unknown = false;
}

static bool take_note(struct adopting *x, const char *name, struct note *n)
{
	uint64_t serial;

	if (!runpolicy_name_valid(name, &serial))
		return false;
	end_note(x, n);
	n->serial = serial;
	n->there = true;
	x->run_unknown = runpolicy_read(x->archive, serial, &x->run) != 0;
	return true;
}

static void adopt_all(struct adopting *x, const struct names *n, struct adopt_totals *t)
{
	const struct adopt_config *c = x->config;
	struct note note = {0};

	end_note(x, &note);
	for (size_t i = 0; i < n->count; i++) {
		struct record r;
		enum adopt_result what;

		if (take_note(x, n->name[i], &note))
			continue;
		what = adopt_one(x, n->name[i], &r);
		note.left += what == ADOPT_DAMAGED || what == ADOPT_FAILED;
		count(t, what, &r);
		if (c->fn != NULL)
			c->fn(n->name[i], what, what == ADOPT_PUBLISHED ? &r : NULL, x->error,
			    c->arg);
	}
	end_note(x, &note);
}

int adopt_staged(
    struct archive *a, const struct adopt_config *config, struct adopt_totals *ret_totals)
{
	struct adopting x = {.archive = a, .config = config};
	struct adopt_totals totals = {0};
	struct names names = {0};
	int rv = read_names(a, &names);

	if (rv == 0 && names.count > 0)
		rv = salvage_new(&x.salvager);
	if (rv == 0 && names.count > 0)
		rv = store_new(a, config->sync, &x.store);
	if (rv == 0)
		adopt_all(&x, &names, &totals);
	/* On disk before the mending indexes it, as the catalog has it. */
	if (rv == 0 && config->sync == SYNC_GROUP && totals.published > 0 &&
	    syncfs(archive_root(a)) != 0)
		rv = -errno;
	store_free(x.store);
	salvage_free(x.salvager);
	names_free(&names);
	if (rv == 0)
		*ret_totals = totals;
	return rv;
}
