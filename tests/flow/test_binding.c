/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the table of bindings by itself: what is found, what replaces what, how long each is
 * kept, and how many; the last one against a list of what should be there.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/binding.h"
#include "rig.h"

struct gone {
	uint32_t all, evicted;
	char last[LAYOUT_UUID_SIZE];
};

static const struct hash_key seed = {1, 2};

static void gone(const struct binding *b, bool evicted, void *arg)
{
	struct gone *g = arg;

	g->all++;
	g->evicted += evicted;
	(void)snprintf(g->last, sizeof(g->last), "%s", b->uuid);
}

static struct bindings *new_bindings(uint32_t max_flows, struct gone *g)
{
	struct bindings *b;

	memset(g, 0, sizeof(*g));
	ck_assert_int_eq(bindings_new(max_flows, &seed, gone, g, &b), 0);
	return b;
}

static struct flowkey key(uint32_t n)
{
	struct flowkey k = {.family = 4, .proto = 6, .port = {(uint16_t)n, 443}};

	k.addr[0][0] = 10;
	k.addr[0][1] = (uint8_t)(n >> 16);
	k.addr[1][0] = 11;
	return k;
}

static struct binding *add(struct bindings *b, uint32_t tuple, const char *uuid, int64_t now_ns)
{
	struct flowkey k = key(tuple);

	return bindings_add(b, &k, uuid, now_ns, BINDING_PRESENT);
}

static struct binding *find(struct bindings *b, uint32_t tuple)
{
	struct flowkey k = key(tuple);

	return bindings_find(b, &k);
}

/* ---- finding --------------------------------------------------------------------------------- */

START_TEST(a_binding_is_found_by_its_tuple_and_by_its_uuid)
{
	struct gone g;
	struct bindings *b = new_bindings(10, &g);
	struct binding *x = add(b, 1, "a", 5);

	ck_assert_ptr_eq(find(b, 1), x);
	ck_assert_ptr_eq(bindings_find_uuid(b, "a"), x);
	ck_assert_ptr_eq(bindings_at(b, x->number), x);
	ck_assert_ptr_null(find(b, 2));
	ck_assert_ptr_null(bindings_find_uuid(b, "b"));
	ck_assert_ptr_null(bindings_find_uuid(b, ""));
	ck_assert_uint_eq(bindings_count(b), 1);
	ck_assert_int_eq(x->renewed_ns, 5);
	ck_assert(!x->used && x->present && x->flows == 0);
	bindings_free(b);
}
END_TEST

START_TEST(link_type_and_vlan_do_not_count)
{
	struct flowkey k = key(1), made;

	k.linktype = 101;
	k.vlan[0] = 7;
	k.vlan[1] = 8;
	made = binding_key(&k);
	k = key(1);
	ck_assert(flowkey_equal(&made, &k));
}
END_TEST

START_TEST(uuids_of_all_lengths_are_told_apart)
{
	char uuid[LAYOUT_UUID_SIZE];
	struct gone g;
	struct bindings *b = new_bindings(LAYOUT_UUID_MAX, &g);

	for (uint32_t n = 1; n <= LAYOUT_UUID_MAX; n++) {
		memset(uuid, 'x', n);
		uuid[n] = '\0';
		add(b, n, uuid, 0);
	}
	for (uint32_t n = 1; n <= LAYOUT_UUID_MAX; n++) {
		memset(uuid, 'x', n);
		uuid[n] = '\0';
		ck_assert_ptr_eq(bindings_find_uuid(b, uuid), find(b, n));
		uuid[n - 1] = 'y';
		ck_assert_ptr_null(bindings_find_uuid(b, uuid));
	}
	bindings_free(b);
}
END_TEST

START_TEST(the_youngest_of_one_uuid_is_found)
{
	struct gone g;
	struct bindings *b = new_bindings(10, &g);
	struct binding *x = add(b, 1, "a", 0), *y = add(b, 2, "a", 0);

	ck_assert_ptr_eq(bindings_find_uuid(b, "a"), y);
	bindings_retire(b, y);
	ck_assert_ptr_eq(bindings_find_uuid(b, "a"), x);
	bindings_free(b);
}
END_TEST

/* ---- replacing ------------------------------------------------------------------------------- */

START_TEST(a_tuple_means_what_was_added_last)
{
	struct gone g;
	struct bindings *b = new_bindings(10, &g);
	struct binding *y;

	add(b, 1, "a", 0);
	y = add(b, 1, "b", 0);
	ck_assert_ptr_eq(find(b, 1), y);
	ck_assert_ptr_null(bindings_find_uuid(b, "a")); /* nobody carried it */
	ck_assert_uint_eq(g.all, 1);
	ck_assert_str_eq(g.last, "a");
	ck_assert_uint_eq(g.evicted, 0);
	bindings_free(b);
}
END_TEST

START_TEST(what_a_flow_carries_stays_when_its_tuple_means_another)
{
	struct gone g;
	struct bindings *b = new_bindings(10, &g);
	struct binding *x = add(b, 1, "a", 0), *y;

	bindings_hold(b, x);
	bindings_hold(b, x);
	y = add(b, 1, "b", 0);
	ck_assert(!x->present);
	ck_assert_str_eq(bindings_at(b, x->number)->uuid, "a");
	ck_assert_ptr_eq(find(b, 1), y);
	bindings_release(b, x, 9);
	ck_assert_uint_eq(g.all, 0);
	bindings_release(b, x, 9);
	ck_assert_uint_eq(g.all, 1);
	ck_assert_ptr_eq(find(b, 1), y);
	bindings_free(b);
}
END_TEST

START_TEST(a_binding_of_the_past_does_not_take_its_tuple)
{
	struct gone g;
	struct bindings *b = new_bindings(10, &g);
	struct flowkey k = key(1);
	struct binding *x = add(b, 1, "b", 0), *past = bindings_add(b, &k, "a", 0, BINDING_PAST);

	ck_assert_ptr_eq(find(b, 1), x);
	ck_assert(!past->present);
	ck_assert_ptr_eq(bindings_find_uuid(b, "a"), past);
	bindings_hold(b, past);
	bindings_release(b, past, 0);
	ck_assert_ptr_null(bindings_find_uuid(b, "a"));
	bindings_free(b);
}
END_TEST

/* ---- how long -------------------------------------------------------------------------------- */

START_TEST(open_bindings_stay_until_they_are_told_to_go)
{
	struct gone g;
	struct bindings *b = new_bindings(10, &g);

	add(b, 1, "a", 10);
	ck_assert(!bindings_expire(b, INT64_MAX, INT64_MIN));
	ck_assert_ptr_nonnull(find(b, 1));
	(void)bindings_expire(b, INT64_MIN, 10);
	ck_assert_ptr_nonnull(find(b, 1));
	(void)bindings_expire(b, INT64_MIN, 11);
	ck_assert_ptr_null(find(b, 1));
	bindings_free(b);
}
END_TEST

START_TEST(closed_bindings_go_after_their_grace)
{
	struct gone g;
	struct bindings *b = new_bindings(10, &g);

	bindings_close(b, add(b, 1, "a", 10), 20, 3);
	ck_assert_int_eq(find(b, 1)->close_ts_ns, 3);
	(void)bindings_expire(b, 20, INT64_MIN);
	ck_assert_ptr_nonnull(find(b, 1));
	(void)bindings_expire(b, 21, INT64_MIN);
	ck_assert_ptr_null(find(b, 1));
	ck_assert_uint_eq(g.evicted, 0);
	bindings_free(b);
}
END_TEST

START_TEST(what_a_flow_carries_does_not_expire)
{
	struct gone g;
	struct bindings *b = new_bindings(10, &g);
	struct binding *x = add(b, 1, "a", 10);

	bindings_hold(b, x);
	if (_i)
		bindings_close(b, x, 20, 0);
	(void)bindings_expire(b, INT64_MAX, INT64_MAX);
	ck_assert_ptr_eq(find(b, 1), x);
	bindings_release(b, x, 30);
	ck_assert_int_eq(x->renewed_ns, 30);
	(void)bindings_expire(b, _i ? 21 : INT64_MIN, _i ? INT64_MIN : 31);
	ck_assert_ptr_null(find(b, 1));
	bindings_free(b);
}
END_TEST

START_TEST(what_is_told_again_is_as_good_as_new)
{
	struct gone g;
	struct bindings *b = new_bindings(10, &g);
	struct binding *x = add(b, 1, "a", 10);

	add(b, 2, "b", 20);
	bindings_renew(b, x, 30);
	(void)bindings_expire(b, INT64_MIN, 25);
	ck_assert_ptr_nonnull(find(b, 1));
	ck_assert_ptr_null(find(b, 2));
	bindings_free(b);
}
END_TEST

START_TEST(expiry_goes_on_where_it_is_called_again)
{
	enum { COUNT = 5000 };
	struct gone g;
	struct bindings *b = new_bindings(COUNT, &g);
	int calls = 1;

	for (uint32_t n = 0; n < COUNT; n++) {
		struct binding *x = add(b, n, "a", n);

		if (n % 2)
			bindings_close(b, x, n, 0);
	}
	while (bindings_expire(b, INT64_MAX, INT64_MAX))
		calls++;
	ck_assert_uint_eq(bindings_count(b), 0);
	ck_assert_uint_eq(g.all, COUNT);
	ck_assert_int_gt(calls, 1); /* a few at a time */
	bindings_free(b);
}
END_TEST

/* ---- how many -------------------------------------------------------------------------------- */

START_TEST(the_oldest_that_nobody_carries_goes_first)
{
	struct gone g;
	struct bindings *b = new_bindings(3, &g);

	bindings_hold(b, add(b, 0, "held", 0));
	add(b, 1, "a", 1);
	add(b, 2, "b", 2);
	add(b, 3, "c", 3);
	ck_assert_uint_eq(g.all, 0);
	bindings_renew(b, find(b, 1), 4);
	add(b, 4, "d", 5);
	ck_assert_uint_eq(g.evicted, 1);
	ck_assert_str_eq(g.last, "b");
	bindings_close(b, find(b, 1), 6, 0);
	add(b, 5, "e", 7);
	ck_assert_str_eq(g.last, "a"); /* closed: of the least use */
	ck_assert_ptr_nonnull(find(b, 0));
	bindings_free(b);
}
END_TEST

START_TEST(never_more_than_max_flows_are_carried_by_none)
{
	enum { MAX = 50 };
	struct gone g;
	struct bindings *b = new_bindings(MAX, &g);
	struct binding *x[MAX];

	for (uint32_t n = 0; n < MAX; n++) {
		x[n] = add(b, n, "held", 0);
		bindings_hold(b, x[n]);
	}
	for (uint32_t n = 0; n < 2 * MAX; n++)
		add(b, 1000 + n, "idle", 0);
	ck_assert_uint_eq(bindings_count(b), 2 * MAX);
	for (uint32_t n = 0; n < MAX; n++)
		bindings_release(b, x[n], 0);
	ck_assert_uint_eq(bindings_count(b), MAX);
	for (uint32_t n = 0; n < 2 * MAX; n++)
		add(b, 2000 + n, "idle", 0);
	ck_assert_uint_eq(bindings_count(b), MAX);
	bindings_free(b);
}
END_TEST

START_TEST(clearing_forgets_all_and_tells_of_each)
{
	struct gone g;
	struct bindings *b = new_bindings(10, &g);

	for (uint32_t n = 0; n < 9; n++) {
		struct binding *x = add(b, n, "a", 0);

		if (n % 3 == 0)
			bindings_hold(b, x);
		else if (n % 3 == 1)
			bindings_close(b, x, 1, 0);
	}
	bindings_clear(b);
	ck_assert_uint_eq(g.all, 9);
	ck_assert_uint_eq(bindings_count(b), 0);
	ck_assert_ptr_null(find(b, 3));
	add(b, 1, "a", 0);
	ck_assert_uint_eq(bindings_count(b), 1);
	bindings_free(b);
	bindings_free(NULL);
}
END_TEST

/* ---- by chance ------------------------------------------------------------------------------- */

#define TUPLES 40u
#define UUIDS  60u

/* What a tuple means, as the simplest table would have it. */
struct meaning {
	struct binding *binding; /* NULL: nothing */
	uint32_t uuid, flows;
};

struct model {
	struct bindings *b;
	struct meaning present[TUPLES];
	uint32_t added;
};

static void forget_idle(struct model *m, const char *uuid)
{
	for (uint32_t t = 0; t < TUPLES; t++)
		if (m->present[t].binding != NULL && m->present[t].flows == 0 &&
		    strtoul(uuid, NULL, 10) == m->present[t].uuid)
			m->present[t].binding = NULL;
}

static void model_gone(const struct binding *x, bool evicted, void *arg)
{
	rig_must(x->flows == 0 && !evicted);
	forget_idle(arg, x->uuid);
}

static void check_model(struct model *m)
{
	for (uint32_t t = 0; t < TUPLES; t++) {
		struct binding *x = find(m->b, t);

		rig_must(x == m->present[t].binding);
		rig_must(x == NULL || strtoul(x->uuid, NULL, 10) == m->present[t].uuid);
		rig_must(x == NULL || x->flows == m->present[t].flows);
	}
}

/* Each UUID is new, and nothing is short: so nothing goes but what expires or is replaced. */
static void model_step(struct model *m, uint64_t *random, int64_t now_ns)
{
	uint32_t t = rig_random(random, TUPLES);
	struct meaning *p = &m->present[t];
	char uuid[16];

	switch (rig_random(random, 6)) {
	case 0:
		while (p->flows > 0) {
			p->flows--;
			bindings_release(m->b, p->binding, now_ns);
		}
		(void)snprintf(uuid, sizeof(uuid), "%u", ++m->added);
		p->binding = add(m->b, t, uuid, now_ns);
		*p = (struct meaning){p->binding, m->added, 0};
		break;
	case 1:
		if (p->binding != NULL && p->flows < 3)
			p->flows++, bindings_hold(m->b, p->binding);
		break;
	case 2:
		if (p->binding != NULL && p->flows > 0)
			p->flows--, bindings_release(m->b, p->binding, now_ns);
		break;
	case 3:
		if (p->binding != NULL)
			bindings_close(m->b, p->binding, now_ns, 0);
		break;
	case 4:
		if (p->binding != NULL)
			bindings_renew(m->b, p->binding, now_ns);
		break;
	case 5:
		(void)bindings_expire(m->b, now_ns - 40, now_ns - 150);
	}
}

START_TEST(whatever_happens_tuples_mean_what_they_should)
{
	struct model m = {.added = 0};
	uint64_t random = 900 + (uint64_t)_i;

	ck_assert_int_eq(bindings_new(TUPLES + UUIDS, &seed, model_gone, &m, &m.b), 0);
	for (int64_t now = 1; now < 5000; now++) {
		model_step(&m, &random, now);
		check_model(&m);
	}
	bindings_clear(m.b);
	bindings_free(m.b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("binding");
	TCase *t = tcase_create("binding");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_binding_is_found_by_its_tuple_and_by_its_uuid);
	tcase_add_test(t, link_type_and_vlan_do_not_count);
	tcase_add_test(t, uuids_of_all_lengths_are_told_apart);
	tcase_add_test(t, the_youngest_of_one_uuid_is_found);
	tcase_add_test(t, a_tuple_means_what_was_added_last);
	tcase_add_test(t, what_a_flow_carries_stays_when_its_tuple_means_another);
	tcase_add_test(t, a_binding_of_the_past_does_not_take_its_tuple);
	tcase_add_test(t, open_bindings_stay_until_they_are_told_to_go);
	tcase_add_test(t, closed_bindings_go_after_their_grace);
	tcase_add_loop_test(t, what_a_flow_carries_does_not_expire, 0, 2);
	tcase_add_test(t, what_is_told_again_is_as_good_as_new);
	tcase_add_test(t, expiry_goes_on_where_it_is_called_again);
	tcase_add_test(t, the_oldest_that_nobody_carries_goes_first);
	tcase_add_test(t, never_more_than_max_flows_are_carried_by_none);
	tcase_add_test(t, clearing_forgets_all_and_tells_of_each);
	tcase_add_loop_test(t, whatever_happens_tuples_mean_what_they_should, 0, 5);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
