/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of who gets a name: each is given once, whoever asks and however many ask at the same time;
 * names of the index and of other stores are taken; a filter that is full costs time, not truth.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/catalog.h"
#include "archive/names.h"
#include "support/quick.h"
#include "support/random.h"
#include "support/records.h"
#include "support/tempdir.h"

#define DAY RECORDS_DAY

struct fixture {
	struct archive *archive;
	struct catalog *catalog;
	struct names *names;
};

static struct fixture begin(void)
{
	struct fixture f;

	ck_assert_int_eq(archive_open(tempdir_new(), ARCHIVE_WRITE, &f.archive), 0);
	for (int32_t day = DAY; day < DAY + 2; day++)
		ck_assert_int_eq(close(archive_touch_day(f.archive, day)), 0);
	ck_assert_int_eq(
	    catalog_start(&(struct catalog_config){.archive = f.archive}, &f.catalog), 0);
	ck_assert_int_eq(names_new(f.archive, f.catalog, &f.names), 0);
	return f;
}

static void finish(struct fixture *f)
{
	struct catalog_result result;

	names_free(f->names);
	catalog_stop(f->catalog, &result);
	ck_assert_uint_eq(result.failed, 0);
	archive_close(f->archive);
}

static struct record row(const char *uuid, int32_t day, uint32_t part, uint32_t segment)
{
	struct record r;

	records_make(part, &r);
	(void)snprintf(r.uuid, sizeof(r.uuid), "%s", uuid);
	r.day = day;
	r.part = part;
	r.segment = segment;
	r.offset = segment != 0 ? 512 : 0;
	return r;
}

static int claim(struct fixture *f, unsigned number, const char *uuid, uint32_t part)
{
	struct record r;

	return names_claim(f->names, number, DAY, uuid, part, &r);
}

START_TEST(a_name_is_given_once_until_it_is_told)
{
	struct fixture f = begin();
	struct record r;

	ck_assert_int_eq(claim(&f, 0, "a", 0), NAMES_FREE);
	ck_assert_int_eq(claim(&f, 0, "a", 0), NAMES_GATHERED);
	ck_assert_int_eq(claim(&f, 1, "a", 0), NAMES_TAKEN);
	ck_assert_int_eq(claim(&f, 1, "a", 1), NAMES_FREE);
	ck_assert_int_eq(names_claim(f.names, 1, DAY + 1, "a", 0, &r), NAMES_FREE);
	names_flushed(f.names, 0); /* it was lost: no row */
	ck_assert_int_eq(claim(&f, 2, "a", 0), NAMES_FREE);
	r = row("a", DAY, 0, 7);
	catalog_put(f.catalog, &r);
	names_flushed(f.names, 2);
	ck_assert_int_eq(names_claim(f.names, 0, DAY, "a", 0, &r), NAMES_TAKEN);
	ck_assert_str_eq(r.uuid, "a");
	ck_assert_uint_eq(r.segment, 7);
	ck_assert_uint_eq(r.offset, 512);
	finish(&f);
}
END_TEST

START_TEST(names_of_an_earlier_run_are_taken)
{
	struct fixture f = begin();
	struct record r;

	for (uint32_t i = 0; i < 1000; i++) {
		r = row("old", DAY, i, i % 2);
		catalog_put(f.catalog, &r);
	}
	names_free(f.names);
	ck_assert_int_eq(names_new(f.archive, f.catalog, &f.names), 0);
	ck_assert_int_eq(names_segments(f.names, DAY), 1);
	ck_assert_int_eq(names_segments(f.names, DAY + 1), 0);
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_int_eq(claim(&f, 0, "old", i), NAMES_TAKEN);
	ck_assert_int_eq(claim(&f, 0, "old", 1000), NAMES_FREE);
	/* Without a catalog the index itself is asked, as it is on disk. */
	names_free(f.names);
	catalog_stop(f.catalog, &(struct catalog_result){.failed = 0});
	f.catalog = NULL;
	ck_assert_int_eq(names_new(f.archive, NULL, &f.names), 0);
	ck_assert_int_eq(names_segments(f.names, DAY), 1);
	ck_assert_int_eq(claim(&f, 0, "old", 999), NAMES_TAKEN);
	ck_assert_int_eq(claim(&f, 0, "old", 1000), NAMES_FREE);
	ck_assert_int_eq(names_claim(f.names, 0, DAY + 5, "old", 0, &r), NAMES_FREE);
	names_free(f.names);
	archive_close(f.archive);
}
END_TEST

/* ---- many at once ---- */

#define THREADS 4
#define TRIES   3000u
#define WORDS   400u

struct asker {
	struct fixture *f;
	unsigned number;
	uint8_t won[WORDS][8]; /* how often this one got a name */
};

/* Asks for names that the others want too; a name that it gets is told some claims later. */
static void *ask(void *arg)
{
	struct asker *a = arg;
	struct random rnd = {a->number + 1};
	struct record mine[8];
	unsigned count = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		unsigned word = (unsigned)random_below(&rnd, WORDS);
		uint32_t part = (uint32_t)random_below(&rnd, 8);
		struct record r;
		char uuid[16];
		int rv;

		(void)snprintf(uuid, sizeof(uuid), "w%u", word);
		rv = names_claim(a->f->names, a->number, DAY, uuid, part, &r);
		quick_assert(rv == NAMES_FREE || rv == NAMES_TAKEN || rv == NAMES_GATHERED);
		if (rv == NAMES_FREE) {
			a->won[word][part]++;
			mine[count++] = row(uuid, DAY, part, 1);
		}
		if (count == 8 || rv == NAMES_GATHERED) {
			for (unsigned j = 0; j < count; j++)
				catalog_put(a->f->catalog, &mine[j]);
			names_flushed(a->f->names, a->number);
			count = 0;
		}
	}
	for (unsigned j = 0; j < count; j++)
		catalog_put(a->f->catalog, &mine[j]);
	return NULL;
}

START_TEST(many_who_ask_at_once_never_get_the_same_name)
{
	struct fixture f = begin();
	static struct asker askers[THREADS];
	pthread_t threads[THREADS];

	memset(askers, 0, sizeof(askers));
	for (unsigned i = 0; i < THREADS; i++) {
		askers[i].f = &f;
		askers[i].number = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	for (unsigned w = 0; w < WORDS; w++) {
		for (unsigned p = 0; p < 8; p++) {
			unsigned winners = 0;

			for (unsigned i = 0; i < THREADS; i++)
				winners += askers[i].won[w][p];
			quick_assert(winners <= 1);
		}
	}
	finish(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("names");
	TCase *t = tcase_create("names");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, a_name_is_given_once_until_it_is_told);
	tcase_add_test(t, names_of_an_earlier_run_are_taken);
	tcase_add_test(t, many_who_ask_at_once_never_get_the_same_name);
	suite_add_tcase(s, t);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
