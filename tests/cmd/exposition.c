/* SPDX-License-Identifier: BSD-2-Clause */
/* See exposition.h. */
#include "cmd/exposition.h"

#include <check.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE   4096
#define SERIES_MAX  1024
#define FAMILY_MAX  256
#define SERIES_SIZE 160

struct lint {
	char *error;
	bool bad;
	char families[FAMILY_MAX][SERIES_SIZE];
	unsigned family_count;
	char series[SERIES_MAX][SERIES_SIZE];
	unsigned series_count;

	/* the family that the line is in */
	char family[SERIES_SIZE], type[32];
	bool typed;
	unsigned samples;
	double bound, bucket, count; /* of a histogram: the last le, its value, _count */
};

static void complain(struct lint *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void complain(struct lint *l, const char *format, ...)
{
	va_list args;

	if (l->bad)
		return;
	l->bad = true;
	va_start(args, format);
	(void)vsnprintf(l->error, EXPOSITION_ERROR_SIZE, format, args);
	va_end(args);
}

static bool ends_in(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* Length of a name at the beginning of text; colons are for recording rules, so not ours. */
static size_t name_length(const char *text)
{
	size_t n = 0;

	if (isdigit((unsigned char)text[0]))
		return 0;
	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return n;
}

/* Is what was the present family complete? */
static void end_family(struct lint *l)
{
	if (l->family[0] == '\0')
		return;
	if (!l->typed)
		complain(l, "%s has no TYPE", l->family);
	if (strcmp(l->type, "histogram") == 0 &&
	    (l->bound < 1e300 || l->bucket != l->count || l->samples < 3))
		complain(l, "%s is not complete", l->family);
}

static void begin_family(struct lint *l, const char *rest)
{
	size_t n = name_length(rest);

	end_family(l);
	if (n == 0 || n >= SERIES_SIZE || rest[n] != ' ' || rest[n + 1] == '\0') {
		complain(l, "bad HELP: %s", rest);
		return;
	}
	(void)snprintf(l->family, sizeof(l->family), "%.*s", (int)n, rest);
	l->type[0] = '\0';
	l->typed = false;
	l->samples = 0;
	l->bound = l->bucket = l->count = -1;
	for (const char *c = rest + n; *c != '\0'; c++) {
		if (*c == '\\' && *++c != 'n' && *c != '\\')
			complain(l, "%s: bad escape in HELP", l->family);
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			complain(l, "%s: HELP is not plain ASCII", l->family);
	}
	for (unsigned i = 0; i < l->family_count; i++)
		if (strcmp(l->families[i], l->family) == 0)
			complain(l, "%s comes twice", l->family);
	ck_assert_uint_lt(l->family_count, FAMILY_MAX);
	(void)snprintf(l->families[l->family_count++], SERIES_SIZE, "%s", l->family);
}

static void take_type(struct lint *l, const char *rest)
{
	size_t n = name_length(rest);
	bool counter;

	if (n != strlen(l->family) || strncmp(rest, l->family, n) != 0 || rest[n] != ' ' ||
	    l->typed) {
		complain(l, "TYPE does not follow its HELP: %s", rest);
		return;
	}
	l->typed = true;
	(void)snprintf(l->type, sizeof(l->type), "%s", rest + n + 1);
	counter = strcmp(l->type, "counter") == 0;
	if (!counter && strcmp(l->type, "gauge") != 0 && strcmp(l->type, "histogram") != 0)
		complain(l, "%s: unknown type %s", l->family, l->type);
	if (counter != ends_in(l->family, "_total"))
		complain(l, "%s: counters end in _total, and nothing else", l->family);
	if (ends_in(l->family, "_count") || ends_in(l->family, "_sum") ||
	    ends_in(l->family, "_bucket"))
		complain(l, "%s: ends like part of a histogram", l->family);
}

/* {a="b",c="d"}. Returns: what follows; NULL: malformed. ret_le: where le's value begins. */
static const char *skip_labels(const char *c, const char **ret_le)
{
	if (*c != '{')
		return c;
	do {
		size_t n = name_length(++c);

		if (n == 0 || c[n] != '=' || c[n + 1] != '"')
			return NULL;
		if (n == 2 && strncmp(c, "le", 2) == 0)
			*ret_le = c + n + 2;
		for (c += n + 2; *c != '"'; c++) {
			if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
				return NULL;
			if (*c == '\\' && *++c != '"' && *c != '\\' && *c != 'n')
				return NULL;
		}
		c++;
	} while (*c == ',');
	return *c == '}' ? c + 1 : NULL;
}

static bool number(const char *text, double *ret)
{
	char *end;

	if (strcmp(text, "NaN") != 0 && strcmp(text, "+Inf") != 0 &&
	    (!isdigit((unsigned char)text[0]) || strspn(text, "0123456789.e-+") != strlen(text)))
		return false;
	*ret = strtod(text, &end);
	return *end == '\0';
}

static void take_part(struct lint *l, const char *suffix, const char *le, double v)
{
	double bound;

	if (strcmp(suffix, "_bucket") == 0 && le != NULL) {
		bound = strtod(le, NULL); /* "+Inf" too */
		if (bound <= l->bound || v < l->bucket)
			complain(l, "%s: buckets are not in order", l->family);
		l->bound = bound;
		l->bucket = v;
	} else if (strcmp(suffix, "_count") == 0) {
		l->count = v;
	} else if (strcmp(suffix, "_sum") != 0) {
		complain(l, "%s%s is no part of a histogram", l->family, suffix);
	}
}

static void take_sample(struct lint *l, const char *line)
{
	size_t n = name_length(line), family_len = strlen(l->family);
	const char *le = NULL, *end = n > 0 ? skip_labels(line + n, &le) : NULL;
	char suffix[SERIES_SIZE];
	double v;

	if (end == NULL || *end != ' ' || !number(end + 1, &v) || end - line >= SERIES_SIZE) {
		complain(l, "bad sample: %s", line);
		return;
	}
	if (!l->typed || n < family_len || strncmp(line, l->family, family_len) != 0) {
		complain(l, "sample outside of its family: %s", line);
		return;
	}
	(void)snprintf(suffix, sizeof(suffix), "%.*s", (int)(n - family_len), line + family_len);
	if (strcmp(l->type, "histogram") == 0)
		take_part(l, suffix, le, v);
	else if (suffix[0] != '\0' || le != NULL)
		complain(l, "sample outside of its family: %s", line);
	l->samples++;
	ck_assert_uint_lt(l->series_count, SERIES_MAX);
	(void)snprintf(l->series[l->series_count], SERIES_SIZE, "%.*s", (int)(end - line), line);
	for (unsigned i = 0; i < l->series_count; i++)
		if (strcmp(l->series[i], l->series[l->series_count]) == 0)
			complain(l, "series comes twice: %s", line);
	l->series_count++;
}

const char *exposition_lint(const char *text, char *error)
{
	struct lint *l = calloc(1, sizeof(*l));
	char line[LINE_SIZE];
	bool bad;

	ck_assert_ptr_nonnull(l);
	l->error = error;
	while (*text != '\0' && !l->bad) {
		size_t n = strcspn(text, "\n");

		if (text[n] == '\0' || n == 0 || n >= sizeof(line)) {
			complain(l, "a line is empty, too long or not ended");
			break;
		}
		(void)snprintf(line, sizeof(line), "%.*s", (int)n, text);
		if (strncmp(line, "# HELP ", 7) == 0)
			begin_family(l, line + 7);
		else if (strncmp(line, "# TYPE ", 7) == 0)
			take_type(l, line + 7);
		else
			take_sample(l, line);
		text += n + 1;
	}
	end_family(l);
	bad = l->bad;
	free(l);
	return bad ? error : NULL;
}

void exposition_check(const char *text)
{
	char error[EXPOSITION_ERROR_SIZE];
	const char *wrong = exposition_lint(text, error);

	ck_assert_msg(wrong == NULL, "%s", wrong);
}

const char *exposition_value(const char *text, const char *series)
{
	static char values[8][64];
	static unsigned turn;
	size_t len = strlen(series);
	char *value = values[turn++ % 8];

	for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n') {
		if (strncmp(text, series, len) != 0 || text[len] != ' ')
			continue;
		(void)snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(text + len + 1, "\n"),
		    text + len + 1);
		return value;
	}
	return NULL;
}

void exposition_check_value(const char *text, const char *series, const char *want)
{
	const char *value = exposition_value(text, series);

	ck_assert_msg(value != NULL && strcmp(value, want) == 0, "%s is %s, not %s", series,
	    value != NULL ? value : "not there", want);
}

double exposition_number(const char *text, const char *series)
{
	const char *value = exposition_value(text, series);

	ck_assert_msg(value != NULL, "no series %s", series);
	return strtod(value, NULL);
}

double exposition_sum(const char *text, const char *family)
{
	size_t len = strlen(family);
	double sum = 0;

	for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n')
		if (strncmp(text, family, len) == 0 && text[len] == '{')
			sum += strtod(strchr(text, '}') + 2, NULL);
	return sum;
}
