/* SPDX-License-Identifier: BSD-2-Clause */
/* See exprtime.h. RFC 3339 section 5.6 has the grammar, section 5.7 the limits. */
#include "fetch/exprtime.h"

#include <errno.h>
#include <stddef.h>

#include "base/clk.h"

/* Reads exactly n digits. Returns what follows them; NULL if they are not there, or p is NULL. */
static const char *digits(const char *p, int n, int *ret_value)
{
	*ret_value = 0;
	for (int i = 0; p != NULL && i < n; i++, p++) {
		if (*p < '0' || *p > '9')
			return NULL;
		*ret_value = *ret_value * 10 + (*p - '0');
	}
	return p;
}

static const char *skip(const char *p, char c)
{
	return p != NULL && *p == c ? p + 1 : NULL;
}

/* ".5": 1 to 9 digits, where there is a point at all. */
static const char *fraction(const char *p, int *ret_ns)
{
	int n = 0, ns = 0;

	*ret_ns = 0;
	if (p == NULL || *p != '.')
		return p;
	for (p++; n < 9 && *p >= '0' && *p <= '9'; p++, n++)
		ns = ns * 10 + (*p - '0');
	if (n == 0)
		return NULL;
	for (; n < 9; n++)
		ns *= 10;
	*ret_ns = ns;
	return p;
}

struct zone {
	int sign, hour, minute; /* how far local time is ahead of UTC */
};

static const char *zone(const char *p, struct zone *ret_zone)
{
	*ret_zone = (struct zone){.sign = 1};
	if (p == NULL || *p == 'Z' || *p == 'z')
		return p == NULL ? NULL : p + 1;
	if (*p != '+' && *p != '-')
		return NULL;
	ret_zone->sign = *p == '+' ? 1 : -1;
	p = skip(digits(p + 1, 2, &ret_zone->hour), ':');
	return digits(p, 2, &ret_zone->minute);
}

/* Seconds and nanoseconds to one number; before 1970 both would overflow in between. */
static int to_ns(int64_t seconds, int ns, int64_t *ret_ns)
{
	__int128 all = (__int128)seconds * CLK_SECOND_NS + ns;

	if (all < INT64_MIN || all > INT64_MAX)
		return -ERANGE;
	*ret_ns = (int64_t)all;
	return 0;
}

int exprtime_parse(const char *text, int64_t *ret_ns)
{
	int year, month, mday, hour = 0, minute = 0, second = 0, ns = 0;
	struct zone z = {.sign = 1};
	int64_t seconds;
	int32_t day;
	const char *p;

	p = skip(digits(text, 4, &year), '-');
	p = skip(digits(p, 2, &month), '-');
	p = digits(p, 2, &mday);
	if (p == NULL)
		return -EINVAL;
	if (*p != '\0') {
		if (*p != 'T' && *p != 't')
			return -EINVAL;
		p = skip(digits(p + 1, 2, &hour), ':');
		p = skip(digits(p, 2, &minute), ':');
		p = zone(fraction(digits(p, 2, &second), &ns), &z);
		if (p == NULL || *p != '\0')
			return -EINVAL;
	}
	day = clk_date_day(year, month, mday);
	/* A leap second is the first of the next minute: packet times do not know it. */
	if (day == INT32_MIN || hour > 23 || minute > 59 || second > 60 || z.hour > 23 ||
	    z.minute > 59)
		return -ERANGE;
	seconds = day * INT64_C(86400) + hour * 3600 + minute * 60 + second;
	return to_ns(seconds - z.sign * (z.hour * 3600 + z.minute * 60), ns, ret_ns);
}
