/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow file, read in every way that the archive reads one: member by member, from end to end
 * (archive/rescan), as what a kill has left (archive/salvage), and by who gives flows back
 * (fetch/inflater).
 *
 * Input: flags (8 bits), then the file, or where RECIPE is set the recipe of one, see fuzz_build.h;
 * where SHIFTED is set it lies in a longer file.
 *
 * Holds: members lie one after another and in the file; a file that is sound and complete has the
 * same sums in both ways; what is whole of a torn file is so without what is torn, too; a fault has
 * words.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive/rescan.h"
#include "archive/salvage.h"
#include "base/clk.h"
#include "fetch/inflater.h"
#include "fetch/partfile.h"
#include "fuzz/fuzz_build.h"
#include "pcapfile/memberscan.h"

enum { RECIPE = 1, SHIFTED = 2 };

#define MEMBER_MAX 65536u
#define SHIFT      1000u

static void scan_members(const struct extent *e)
{
	static struct memberscan *scan;
	struct memberscan_member m;
	struct fault fault = {.text = ""};
	uint64_t at = 0;
	int rv;

	if (scan == NULL)
		fuzz_check(memberscan_new(MEMBER_MAX, &scan) == 0);
	memberscan_begin(scan, e);
	while ((rv = memberscan_next(scan, &m, &fault)) == 1) {
		fuzz_check(m.offset == at && m.length > 0 && m.data_len <= MEMBER_MAX);
		at += m.length;
		fuzz_check(at <= e->length);
	}
	fuzz_check(rv == 0 || rv == -ENODATA || rv == -EBADMSG);
	fuzz_check(rv != 0 || at == e->length);
	fuzz_check((rv == 0) == (fault.text[0] == '\0'));
}

static void inflate(const struct extent *e)
{
	static struct inflater *n;
	struct fault fault = {.text = ""};
	uint64_t at = 0;
	size_t count;
	int rv;

	if (n == NULL)
		fuzz_check(inflater_new(&n) == 0);
	inflater_begin(n, e, 0);
	while ((rv = inflater_next(n, &fault)) == 1) {
		fuzz_check(inflater_offset(n) > at);
		at = inflater_offset(n);
		(void)inflater_bytes(n, &count);
		fuzz_check(at <= e->length && count <= INFLATER_MAX_BYTES);
	}
	fuzz_check(rv == 0 || rv == -EBADMSG);
	fuzz_check(rv != 0 || at == e->length);
}

static int salvage(const struct extent *e, struct salvage *v)
{
	static struct salvager *salvager;

	if (salvager == NULL)
		fuzz_check(salvage_new(&salvager) == 0);
	memset(v, 0, sizeof(*v));
	return salvage_read(salvager, e, v);
}

static void check_same_sums(const struct tally *a, const struct tally *b)
{
	fuzz_check(a->first_ns == b->first_ns && a->last_ns == b->last_ns);
	for (int side = 0; side < 2; side++)
		fuzz_check(a->pkts[side] == b->pkts[side] && a->bytes[side] == b->bytes[side]);
	fuzz_check(a->captured_bytes == b->captured_bytes);
}

/* What was found to be whole, alone. */
static void check_prefix(const struct extent *e, const struct salvage *v)
{
	struct extent whole = *e;
	struct salvage again;

	whole.length = v->end;
	fuzz_check(salvage(&whole, &again) == 0);
	fuzz_check(again.state == SALVAGE_PARTIAL && again.end == v->end);
	check_same_sums(&again.sums.tally, &v->sums.tally);
	fuzz_check(flowkey_equal(&again.sums.key, &v->sums.key));
	fuzz_check(again.origin_ns == v->origin_ns && again.origin_seq == v->origin_seq);
}

static void check_salvage(const struct extent *e, int sound, const struct record *r)
{
	struct salvage v;

	fuzz_check(salvage(e, &v) == 0);
	fuzz_check(v.error[0] == '\0' || fuzz_printable(v.error));
	if (v.state != SALVAGE_DAMAGED)
		fuzz_check(v.size == e->length && v.end <= v.size);
	else
		fuzz_check(v.error[0] != '\0');
	if (v.state == SALVAGE_COMPLETE)
		fuzz_check(v.end == v.size);
	/* It wants members as savers make them: a file may be sound all the same. */
	if (sound == 0 && v.state == SALVAGE_COMPLETE)
		check_same_sums(&r->tally, &v.sums.tally);
	if (v.state == SALVAGE_PARTIAL)
		check_prefix(e, &v);
}

static int rescan(const struct extent *e, struct record *r)
{
	char error[RESCAN_ERROR_SIZE] = "", text[PARTFILE_RECORD_SIZE];
	struct rescan_name name = {.part = 1};
	struct record named;
	int has_client, rv = rescan_extent(e, r, error);

	fuzz_check(rv == 0 || rv == -EBADMSG);
	if (rv != 0) {
		fuzz_check(error[0] != '\0');
		(void)rescan_record(e, &named, &has_client, error);
		return rv;
	}
	fuzz_check(r->length == e->length && (r->key.family == 4 || r->key.family == 6));
	fuzz_check(layout_uuid_valid(r->uuid));
	fuzz_check(partfile_record(e, text) == text && text[0] == '{');
	memcpy(name.uuid, r->uuid, sizeof(name.uuid));
	rv = rescan_part(e, clk_day(r->tally.first_ns), &name, &named, error);
	fuzz_check(rv == 0 && named.part == 1);
	fuzz_check(rescan_part(e, clk_day(r->tally.first_ns) + 1, &name, &named, error) != 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t flags = fuzz_u8(&in);
	struct fuzz_bytes f = {0};
	struct record r = {0};
	struct extent e;
	int sound;

	if (flags & SHIFTED)
		fuzz_put_zeros(&f, SHIFT);
	if (flags & RECIPE)
		fuzz_build_flowfile(&in, &f);
	else
		fuzz_put(&f, in.at, in.left);
	e = fuzz_file(f.bytes, f.len);
	if (flags & SHIFTED) {
		e.offset = SHIFT;
		e.length -= SHIFT;
	}
	scan_members(&e);
	inflate(&e);
	sound = rescan(&e, &r);
	check_salvage(&e, sound, &r);
	fuzz_free(&f);
	return 0;
}
