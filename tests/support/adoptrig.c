/* SPDX-License-Identifier: BSD-2-Clause */
/* See adoptrig.h. */
#include "support/adoptrig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/mend.h"
#include "archive/rescan.h"
#include "fetch/verify.h"
#include "packet/decode.h"
#include "save/uuidgen.h"
#include "support/quick.h"
#include "support/tempdir.h"

static void note(
    const char *name, enum adopt_result what, const struct record *r, const char *error, void *arg)
{
	struct adoptrig *f = arg;
	struct adoptrig_told *t = &f->told[f->count++];

	quick_assert(f->count <= ADOPTRIG_TOLD);
	quick_assert((r != NULL) == (what == ADOPT_PUBLISHED));
	quick_assert(error[0] != '\0' || (what != ADOPT_DAMAGED && what != ADOPT_FAILED));
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	(void)snprintf(t->error, sizeof(t->error), "%s", error);
	t->what = what;
	if (r != NULL)
		t->record = *r;
}

void adoptrig_begin(struct adoptrig *f)
{
	memset(f, 0, sizeof(*f));
	f->dir = tempdir_new();
	f->config = (struct adopt_config){
	    .sync = SYNC_NONE, .generate = uuidgen_flow, .fn = note, .arg = f};
	ck_assert_int_eq(archive_open(f->dir, ARCHIVE_WRITE, &f->archive), 0);
	f->staging = strdup(tempdir_path(f->dir, ".staging"));
	f->day = strdup(tempdir_path(f->dir, ADOPTRIG_DAY_DIR));
}

void adoptrig_end(struct adoptrig *f)
{
	archive_close(f->archive);
	free(f->staging);
	free(f->day);
}

void adoptrig_stage(struct adoptrig *f, const char *name, const void *bytes, size_t len)
{
	tempdir_write(tempdir_path(f->staging, name), bytes, len);
}

int adoptrig_adopt(struct adoptrig *f)
{
	f->count = 0;
	return adopt_staged(f->archive, &f->config, &f->totals);
}

static void damage(const char *path, const char *what, void *arg)
{
	(void)arg;
	ck_abort_msg("%s: %s", path, what);
}

static void notice(const char *path, const char *what, void *arg)
{
	damage(path, what, arg);
}

static void progress(const struct verify_totals *so_far, void *arg)
{
	(void)so_far;
	(void)arg;
}

static void bad_file(int32_t day, const char *name, const char *error, void *arg)
{
	(void)day;
	damage(name, error, arg);
}

void adoptrig_check_sound(struct adoptrig *f, uint64_t files)
{
	const struct verify_hooks hooks = {
	    .damage = damage, .notice = notice, .progress = progress};
	struct verify_totals totals;
	struct archive *reader;
	int32_t *days;
	size_t n;

	quick_assert(archive_dirty_days(f->archive, &days, &n) == 0);
	for (size_t i = 0; i < n; i++) {
		const struct mend_config c = {.how = MEND_QUICK, .bad = bad_file};
		struct mend_totals mended;

		quick_assert(archive_recover_day(f->archive, days[i]) == 0);
		quick_assert(mend_day(f->archive, days[i], &c, &mended) == 0);
		archive_unlock_day(f->archive, days[i], ARCHIVE_UNLOCK_CLEAN);
	}
	free(days);
	quick_assert(archive_open(f->dir, ARCHIVE_READ, &reader) == 0);
	quick_assert(verify_archive(reader, &hooks, &totals) == 0);
	archive_close(reader);
	if (totals.damage != 0 || totals.files + totals.members != files || totals.rows != files)
		ck_abort_msg("%u files, %u members, %u rows, not %u", (unsigned)totals.files,
		    (unsigned)totals.members, (unsigned)totals.rows, (unsigned)files);
}

void adoptrig_check_staged(struct adoptrig *f, const char *name, const void *bytes, size_t len)
{
	size_t got_len;
	uint8_t *got = tempdir_read(tempdir_path(f->staging, name), &got_len);

	ck_assert_uint_eq(got_len, len);
	ck_assert_mem_eq(got, bytes, len);
	free(got);
}

void adoptrig_check_published(struct adoptrig *f, const char *name, const struct flowfile *want)
{
	size_t len;
	uint8_t *got = tempdir_read(tempdir_path(f->day, name), &len);

	quick_assert(len == want->len && memcmp(got, want->bytes, len) == 0);
	free(got);
}

const char *adoptrig_generated(const struct frames_talk *t, enum vlan_key vlan_key)
{
	static char uuid[UUIDGEN_TEXT_SIZE];
	struct flowkey k;

	flowfile_key(&k, t);
	if (vlan_key == VLAN_KEY_YES)
		k.vlan[0] = t->vlan;
	return uuidgen_flow(&k, ADOPTRIG_T0, 100, uuid);
}

void adoptrig_crashed(
    struct flowfile *f, const struct frames_talk *t, const char *uuid, unsigned members)
{
	const struct frames_packet p[] = {
	    {0, TCP_SYN, 100, 0, ADOPTRIG_T0},
	    {1, TCP_SYN | TCP_ACK, 900, 0, ADOPTRIG_T0 + 1001},
	    {0, TCP_ACK, 101, 0, ADOPTRIG_T0 + 2002},
	    {0, TCP_ACK | TCP_PSH, 101, 300, ADOPTRIG_T0 + 3003},
	    {1, TCP_ACK, 901, 1400, ADOPTRIG_T0 + 999999999},
	    {1, TCP_ACK | TCP_FIN, 2301, 7, ADOPTRIG_T0 + 1000000001},
	    {0, TCP_ACK | TCP_FIN, 401, 0, ADOPTRIG_T0 + 1000000002},
	    {1, TCP_ACK, 2309, 0, ADOPTRIG_T0 + 1000000003},
	};

	flowfile_begin(f, t, uuid);
	if (members > 0)
		flowfile_add(f, t, p, 3);
	if (members > 1)
		flowfile_add(f, t, p + 3, 1);
	if (members > 2)
		flowfile_add(f, t, p + 4, 4);
	f->record.end_reason = END_CRASH;
}
