/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See parse.h. Values are read as an integer and a decimal fraction and multiplied in 128 bits, so
 * that nothing is rounded and nothing wraps.
 */
#include "base/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef unsigned __int128 u128;

struct unit {
	const char *name;
	uint64_t factor;
};

#define KI 1024ull

static const struct unit size_units[] = {{"", 1}, {"B", 1}, {"K", 1000}, {"KB", 1000}, {"KiB", KI},
    {"M", 1000000}, {"MB", 1000000}, {"MiB", KI *KI}, {"G", 1000000000}, {"GB", 1000000000},
    {"GiB", KI *KI *KI}, {"T", 1000000000000}, {"TB", 1000000000000}, {"TiB", KI *KI *KI *KI},
    {NULL, 0}};

static const struct unit time_units[] = {{"", 1000000000}, {"ns", 1}, {"us", 1000}, {"ms", 1000000},
    {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000}, {NULL, 0}};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Reads digits[.digits]; the value is *ret_whole + *ret_frac / *ret_scale. NULL: not a number.
 * Beyond 64 bits the whole part counts no further: it is out of every range, and must not wrap.
 */
static const char *read_decimal(
    const char *p, u128 *ret_whole, uint64_t *ret_frac, uint64_t *ret_scale)
{
	*ret_whole = 0;
	*ret_frac = 0;
	*ret_scale = 1;
	if (!is_digit(*p))
		return NULL;
	for (; is_digit(*p); p++)
		if (*ret_whole <= UINT64_MAX)
			*ret_whole = *ret_whole * 10 + (u128)(*p - '0');
	if (*p != '.')
		return p;
	if (!is_digit(*++p))
		return NULL;
	for (; is_digit(*p); p++) {
		if (*ret_scale > UINT64_C(100000000000))
			return NULL;
		*ret_frac = *ret_frac * 10 + (uint64_t)(*p - '0');
		*ret_scale *= 10;
	}
	return p;
}

/* Finds the unit that spells text[0..len), or 0. */
static uint64_t unit_factor(const struct unit *units, const char *text, size_t len)
{
	for (; units->name != NULL; units++)
		if (strlen(units->name) == len && memcmp(units->name, text, len) == 0)
			return units->factor;
	return 0;
}

static size_t word_len(const char *p)
{
	size_t n = 0;

	while ((p[n] >= 'a' && p[n] <= 'z') || (p[n] >= 'A' && p[n] <= 'Z'))
		n++;
	return n;
}

/* Sums number-unit pairs; `several` allows more than one, each then needs its unit. */
static int parse_units(const char *text, const struct unit *units, bool several, u128 *ret_sum)
{
	const char *p = text;
	u128 sum = 0;

	do {
		uint64_t frac, scale, factor;
		bool first = p == text;
		u128 whole;
		size_t len;

		p = read_decimal(p, &whole, &frac, &scale);
		if (p == NULL)
			return -EINVAL;
		len = word_len(p);
		factor = unit_factor(units, p, len);
		if (factor == 0 || (len == 0 && !first))
			return -EINVAL;
		if (sum <= UINT64_MAX) /* as above */
			sum += whole * factor + (u128)frac * factor / scale;
		p += len;
		if (len == 0 && *p != '\0')
			return -EINVAL;
	} while (*p != '\0' && several);
	*ret_sum = sum;
	return *p == '\0' ? 0 : -EINVAL;
}

int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t frac, scale;
	u128 whole;
	const char *end = read_decimal(text, &whole, &frac, &scale);

	if (end == NULL || *end != '\0' || scale != 1)
		return -EINVAL;
	if (whole < min || whole > max)
		return -ERANGE;
	*ret_value = (uint64_t)whole;
	return 0;
}

int parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *ret_bytes)
{
	u128 v;

	if (parse_units(text, size_units, false, &v) != 0)
		return -EINVAL;
	if (v < min || v > max)
		return -ERANGE;
	*ret_bytes = (uint64_t)v;
	return 0;
}

int parse_duration(const char *text, int64_t min_ns, int64_t max_ns, int64_t *ret_ns)
{
	u128 v;

	if (parse_units(text, time_units, true, &v) != 0)
		return -EINVAL;
	if (v > (u128)INT64_MAX || (int64_t)v < min_ns || (int64_t)v > max_ns)
		return -ERANGE;
	*ret_ns = (int64_t)v;
	return 0;
}

char *parse_size_text(uint64_t bytes, char *buf)
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	int i = 0;

	while (i < 4 && bytes >= KI && bytes % KI == 0) {
		bytes /= KI;
		i++;
	}
	(void)snprintf(
	    buf, PARSE_TEXT_SIZE, "%llu%s", (unsigned long long)bytes, i ? names[i] : "");
	return buf;
}

char *parse_duration_text(int64_t ns, char *buf)
{
	static const struct unit order[] = {{"d", 86400000000000}, {"h", 3600000000000},
	    {"m", 60000000000}, {"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
	const struct unit *u = order;

	while (ns % (int64_t)u->factor != 0 || (ns == 0 && u->factor != 1000000000))
		u++;
	(void)snprintf(
	    buf, PARSE_TEXT_SIZE, "%lld%s", (long long)(ns / (int64_t)u->factor), u->name);
	return buf;
}
