/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small files that somebody else may have written: the list of dirty days, the note of a run's
 * policy, the prefix of UUIDs (with /proc/stat and the number of the boot), the key.
 *
 * Input: kind (8 bits), then the file.
 *
 * Holds: what was read, written and read again, is the same; days are in order, each once; a prefix
 * is one; nothing is accepted that is too long.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/dirtylist.h"
#include "archive/layout.h"
#include "archive/runpolicy.h"
#include "cmd/keyfile.h"
#include "events/prefix.h"
#include "fuzz/fuzz_support.h"

static const char *path_of(const char *name)
{
	static char path[2][4096];
	static unsigned turn;

	turn ^= 1;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", fuzz_dir(), name);
	return path[turn];
}

static void check_list(const struct dirtylist *l)
{
	for (size_t i = 0; i < l->count; i++) {
		fuzz_check(i == 0 || l->days[i].day > l->days[i - 1].day);
		fuzz_check(l->days[i].by >= 1 && l->days[i].by <= 3);
		fuzz_check(dirtylist_by(l, l->days[i].day) == l->days[i].by);
	}
}

static void try_dirty(const uint8_t *bytes, size_t len)
{
	struct dirtylist l = {0}, again = {0};
	int root, rv;

	fuzz_write_at(".dirty", bytes, len);
	root = open(fuzz_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fuzz_check(root >= 0);
	rv = dirtylist_read(root, &l);
	if (rv == 0) {
		check_list(&l);
		fuzz_check(dirtylist_write(root, &l) == 0 && dirtylist_read(root, &again) == 0);
		fuzz_check(again.count == l.count);
		fuzz_check(
		    l.count == 0 || memcmp(again.days, l.days, l.count * sizeof(l.days[0])) == 0);
		dirtylist_free(&again);
	}
	dirtylist_free(&l);
	fileio_close(root);
}

/* An archive that is there for all inputs. */
static struct archive *archive(void)
{
	static struct archive *a;

	if (a == NULL)
		fuzz_check(archive_open(path_of("archive"), ARCHIVE_WRITE, &a) == 0);
	return a;
}

static void try_policy(const uint8_t *bytes, size_t len)
{
	struct record r = {0}, again = {0};
	uint64_t serial = 0;
	int rv;

	(void)archive();
	fuzz_write_at("archive/.staging/7000000000000000~policy", bytes, len);
	rv = runpolicy_read(archive(), UINT64_C(0x7000000000000000), &r);
	fuzz_check(rv == 0 || rv == -EBADMSG || rv == -ENOTSUP);
	if (rv != 0)
		return;
	fuzz_check(runpolicy_begin(archive(), &r, &serial) == 0);
	fuzz_check(runpolicy_read(archive(), serial, &again) == 0);
	fuzz_check(again.snaplen == r.snaplen && again.policy.payload == r.policy.payload);
	runpolicy_remove(archive(), serial);
}

static void check_prefix(const struct prefix_places *places)
{
	struct prefix p = {.text = ""}, again = {.text = ""};
	int rv = prefix_load(places, &p);

	fuzz_check(memchr(p.path, '\0', sizeof(p.path)) != NULL);
	if (rv != 0)
		return;
	fuzz_check(layout_uuid_valid(p.text) && strlen(p.text) <= LINE_PREFIX_MAX);
	fuzz_check(prefix_load(places, &again) == 0 && strcmp(p.text, again.text) == 0);
}

static void try_prefix(const uint8_t *bytes, size_t len)
{
	struct prefix_places places = prefix_places(path_of("prefix"));

	fuzz_write_at("prefix", bytes, len);
	check_prefix(&places);
}

/* The first line is for one of them, the rest for the other. */
static void try_boot(const uint8_t *bytes, size_t len)
{
	char stat[4096], run[4096], boot[4096], none[4096];
	struct prefix_places places = {.stat = stat, .run_dir = run, .boot_id = boot, .mlab = none};
	const uint8_t *feed = len > 0 ? memchr(bytes, '\n', len) : NULL;
	size_t n = feed != NULL ? (size_t)(feed + 1 - bytes) : len;

	(void)strcpy(stat, path_of("stat"));
	(void)strcpy(run, path_of("run"));
	(void)strcpy(boot, path_of("boot"));
	(void)strcpy(none, path_of("none"));
	fuzz_dir_clear("archive");
	fuzz_write_at("boot", bytes, n);
	fuzz_write_at("stat", bytes + n, len - n);
	if (len % 2 == 1) { /* from an earlier start */
		fuzz_write_at("run/boot_id", bytes, n);
		fuzz_write_at("run/prefix", bytes + n, len - n);
	}
	check_prefix(&places);
}

static void try_key(const uint8_t *bytes, size_t len)
{
	uint8_t key[KEYFILE_BYTES], again[KEYFILE_BYTES];
	enum keyfile_state state;
	int rv;

	fuzz_write_at("key", bytes, len);
	rv = keyfile_load(path_of("key"), KEYFILE_LEAVE, key, &state);
	fuzz_check(rv == 0 || rv == -EBADMSG || rv == -EFBIG);
	if (rv != 0)
		return;
	fuzz_check(state == KEYFILE_READ || state == KEYFILE_OPEN);
	fuzz_check(len >= KEYFILE_BYTES);
	fuzz_check(keyfile_load(path_of("key"), KEYFILE_LEAVE, again, &state) == 0);
	fuzz_check(memcmp(key, again, sizeof(key)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const uint8_t *, size_t) = {
	    try_dirty, try_policy, try_prefix, try_boot, try_key};
	struct fuzz_input in = {data, size};
	unsigned kind = fuzz_u8(&in) % (sizeof(kinds) / sizeof(kinds[0]));
	uint8_t *bytes = fuzz_copy(in.at, in.left);

	kinds[kind](bytes, in.left);
	free(bytes);
	return 0;
}
