/* SPDX-License-Identifier: BSD-2-Clause */
/* See fetchrig.h. */
#include "fetchrig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "archive/layout.h"
#include "archive/tarfmt.h"

#define PARTS_MAX  10000u
#define GUNZIP_MAX ((size_t)64 << 20)

void fetchrig_set_up(struct fetchrig *g)
{
	memset(g, 0, sizeof(*g));
	g->builder = builder_new();
	(void)snprintf(g->out_path, sizeof(g->out_path), "%s/out.pcap", builder_dir(g->builder));
}

void fetchrig_tear_down(struct fetchrig *g)
{
	query_free(g->query);
	builder_free(g->builder);
}

void fetchrig_forget(struct fetchrig *g)
{
	query_free(g->query);
	g->query = NULL;
	memset(&g->complaints, 0, sizeof(g->complaints));
}

const struct part **fetchrig_parts(struct fetchrig *g, size_t *ret_n)
{
	struct query_words w = {.match = DAYINDEX_PREFIX};
	const struct query_flow *f;
	const struct part **parts;
	size_t flows, n = 0;

	query_free(g->query);
	g->archive = builder_reader(g->builder);
	ck_assert_int_eq(query_new(g->archive, builder_complain, &g->complaints, &g->query), 0);
	ck_assert_int_eq(query_find(g->query, &w), 0);
	ck_assert_int_eq(query_group(g->query), 0);
	f = query_flows(g->query, &flows);
	parts = malloc(PARTS_MAX * sizeof(*parts));
	ck_assert_ptr_nonnull(parts);
	for (size_t i = 0; i < flows; i++)
		for (size_t j = 0; j < f[i].count; j++)
			parts[n++] = f[i].parts[j];
	*ret_n = n;
	return parts;
}

int fetchrig_fetch(struct fetchrig *g)
{
	struct fetch_job job = {.as = g->as,
	    .budget_bytes = g->budget_bytes,
	    .bad = builder_complain,
	    .bad_arg = &g->complaints};
	const struct part **parts = fetchrig_parts(g, &job.count);
	int rv;

	job.places = (struct partfile_places){g->archive, g->locate, g->locate_arg};
	job.parts = parts;
	(void)query_flows(g->query, &job.flows);
	ck_assert_int_eq(outfile_new(g->out_path, g->form, &job.out), 0);
	rv = fetch_parts(&job, &g->totals);
	if (rv == 0)
		ck_assert_int_eq(outfile_commit(job.out), 0);
	outfile_free(job.out);
	free(parts);
	return rv;
}

struct seen *fetchrig_read(struct fetchrig *g, size_t want)
{
	size_t n;
	struct seen *s = builder_read_pcap(g->out_path, &n);

	ck_assert_uint_eq(n, want);
	ck_assert_uint_eq(g->totals.pkts, want);
	return s;
}

void fetchrig_check(const struct seen *s, const struct built_part *p, unsigned packet)
{
	char text[160];

	ck_assert_str_eq(s->text, builder_packet_text(p, packet, text, sizeof(text)));
	ck_assert_int_eq(s->ts_ns, p->first_ns + (int64_t)packet * p->step_ns);
}

static void whole_path(const struct fetchrig *g, const char *path, char *buf, size_t size)
{
	if (path == NULL)
		(void)snprintf(buf, size, "%s", g->out_path);
	else
		(void)snprintf(buf, size, "%s/%s", builder_dir(g->builder), path);
}

uint8_t *fetchrig_bytes(struct fetchrig *g, const char *path, size_t *ret_n)
{
	char whole[PATH_MAX * 2];
	uint8_t *bytes;
	long size;
	FILE *f;

	whole_path(g, path, whole, sizeof(whole));
	f = fopen(whole, "rb");
	ck_assert_msg(f != NULL, "%s", whole);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	rewind(f);
	bytes = malloc((size_t)size + 1);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_uint_eq(fread(bytes, 1, (size_t)size, f), (size_t)size);
	(void)fclose(f);
	*ret_n = (size_t)size;
	return bytes;
}

uint8_t *fetchrig_gunzip(struct fetchrig *g, const char *path, size_t *ret_n)
{
	char whole[PATH_MAX * 2];
	uint8_t *bytes = malloc(GUNZIP_MAX);
	gzFile f;
	int n;

	whole_path(g, path, whole, sizeof(whole));
	f = gzopen(whole, "rb");
	ck_assert(f != NULL && bytes != NULL);
	n = gzread(f, bytes, GUNZIP_MAX);
	ck_assert_int_gt(n, 0);
	(void)gzclose(f);
	*ret_n = (size_t)n;
	return bytes;
}

static void path_of(const struct record *r, const char *name, char *buf, size_t size)
{
	char day[LAYOUT_DAY_SIZE];

	(void)snprintf(buf, size, "%s/%s", layout_day_path(r->day, day), name);
}

void fetchrig_segment(struct fetchrig *g, uint32_t number, struct record *r, size_t n)
{
	char path[PATH_MAX], name[LAYOUT_NAME_SIZE];
	uint8_t *tar = NULL;
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t bytes;
		uint8_t *file;

		path_of(&r[i], layout_file_name(r[i].uuid, r[i].part, name), path, sizeof(path));
		file = fetchrig_bytes(g, path, &bytes);
		tar = realloc(tar,
		    at + TARFMT_HEADER_MAX_BYTES + bytes + TARFMT_BLOCK_BYTES + TARFMT_END_BYTES);
		ck_assert_ptr_nonnull(tar);
		at += tarfmt_header(name, bytes, r[i].tally.last_ns / BUILDER_SECOND, tar + at);
		r[i].segment = number;
		r[i].offset = at;
		memcpy(tar + at, file, bytes);
		at += bytes;
		memset(tar + at, 0, tarfmt_padding(bytes));
		at += tarfmt_padding(bytes);
		free(file);
		builder_remove(g->builder, path);
	}
	memset(tar + at, 0, TARFMT_END_BYTES);
	path_of(&r[0], layout_segment_name(number, name), path, sizeof(path));
	builder_write(g->builder, path, tar, at + TARFMT_END_BYTES);
	free(tar);
}
