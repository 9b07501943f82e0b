/* SPDX-License-Identifier: BSD-2-Clause */
/* See metrics_text.h. */
#include "config.h"

#include "cmd/metrics_text.h"

#include <inttypes.h>

#include "base/clk.h"
#include "cmd/metrics_families.h"

/* HELP takes any text but line feeds and backslashes, which are escaped. */
static void put_help_text(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			(void)fputs("\\n", out);
		else if (*text == '\\')
			(void)fputs("\\\\", out);
		else
			(void)fputc(*text, out);
	}
}

static void put_head(const struct metrics_family *f, FILE *out)
{
	const struct metrics_label *l = f->label;

	(void)fprintf(out, "# HELP %s ", f->name);
	put_help_text(f->help, out);
	for (unsigned i = 0; l != NULL && i < l->count; i++) {
		(void)fprintf(out,
		    i == 0 ? " Values of %s: %s: " : "; %s%s: ", i == 0 ? l->name : "",
		    l->value(i));
		put_help_text(l->text(i), out);
	}
	(void)fprintf(out, "%s\n# TYPE %s %s\n", l != NULL ? "." : "", f->name, f->type);
}

/*
 * A label's value. One byte that is not UTF-8 makes a whole scrape invalid, and the kernel lets an
 * interface's name have any byte but '/', ':' and blanks (dev_valid_name): what is not printable
 * ASCII is written as \xff, with its backslash escaped.
 */
static void put_label(const char *name, const char *value, FILE *out)
{
	(void)fprintf(out, "{%s=\"", name);
	for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++) {
		if (*c == '"')
			(void)fprintf(out, "\\%c", *c);
		else if (*c < 0x20 || *c >= 0x7f || *c == '\\') /* as no other name gives */
			(void)fprintf(out, "\\\\x%02x", *c);
		else
			(void)fputc(*c, out);
	}
	(void)fputs("\"}", out);
}

/* Nanoseconds as seconds, without the zeros at the end: exact, and the same in every locale. */
static void put_seconds(uint64_t ns, FILE *out)
{
	uint64_t rest = ns % CLK_SECOND_NS;
	int digits = 9;

	(void)fprintf(out, "%" PRIu64, ns / CLK_SECOND_NS);
	if (rest == 0)
		return;
	for (; rest % 10 == 0; rest /= 10)
		digits--;
	(void)fprintf(out, ".%0*" PRIu64, digits, rest);
}

static void put_value(uint64_t v, enum metrics_unit unit, FILE *out)
{
	if (v == METRICS_UNKNOWN)
		(void)fputs("NaN", out);
	else if (unit == METRICS_SECONDS)
		put_seconds(v, out);
	else
		(void)fprintf(out, "%" PRIu64, v);
}

/* One sample. label: NULL for none. */
static void put_sample(const struct metrics_family *f, const char *label, const char *label_value,
    uint64_t v, FILE *out)
{
	(void)fputs(f->name, out);
	if (label != NULL)
		put_label(label, label_value, out);
	(void)fputc(' ', out);
	put_value(v, f->unit, out);
	(void)fputc('\n', out);
}

static const uint64_t *number_at(const void *base, size_t offset)
{
	return (const uint64_t *)(const void *)((const char *)base + offset);
}

static void put_values(const struct metrics_family *f, const struct metrics_snapshot *s, FILE *out)
{
	const uint64_t *v = number_at(s, f->offset);

	if (f->label == NULL)
		put_sample(f, NULL, NULL, v[0], out);
	for (unsigned i = 0; f->label != NULL && i < f->label->count; i++)
		put_sample(f, f->label->name, f->label->value(i), v[i], out);
}

static void put_interfaces(
    const struct metrics_family *f, const struct metrics_snapshot *s, FILE *out)
{
	for (unsigned i = 0; i < s->interface_count; i++) {
		const struct metrics_interface *n = &s->interfaces[i];

		put_sample(f, "interface", n->name, *number_at(n, f->offset), out);
	}
}

/* Buckets of a histogram hold all that took at most as long, so each contains those before it. */
static void put_writes(const struct metrics_family *f, const struct metrics_snapshot *s, FILE *out)
{
	uint64_t sum = 0;

	for (int i = 0; i < SAVERS_LATENCY_BOUNDS; i++) {
		sum += s->writes[i];
		(void)fprintf(out, "%s_bucket{le=\"", f->name);
		put_seconds((uint64_t)savers_latency_bound_ns(i), out);
		(void)fprintf(out, "\"} %" PRIu64 "\n", sum);
	}
	sum += s->writes[SAVERS_LATENCY_BOUNDS];
	(void)fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", f->name, sum, f->name);
	put_seconds(s->write_ns, out);
	(void)fprintf(out, "\n%s_count %" PRIu64 "\n", f->name, sum);
}

void metrics_text_write(const struct metrics_snapshot *s, FILE *out)
{
	for (const struct metrics_family *f = metrics_families(); f->name != NULL; f++) {
		put_head(f, out);
		switch (f->shape) {
		case METRICS_VALUES:
			put_values(f, s, out);
			break;
		case METRICS_INTERFACES:
			put_interfaces(f, s, out);
			break;
		case METRICS_WRITES:
			put_writes(f, s, out);
			break;
		case METRICS_VERSION:
			put_sample(f, "version", PACKAGE_VERSION, 1, out);
			break;
		}
	}
}
