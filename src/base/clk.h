/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two clocks, kept apart by type: one that only runs forward and measures, one that tells the
 * date and may step. And the calendar: days and RFC 3339 text in UTC.
 *
 * Packet times are plain int64_t nanoseconds since 1970-01-01 UTC: they belong to no clock of ours.
 */
#ifndef BASE_CLK_H
#define BASE_CLK_H

#include <stddef.h>
#include <stdint.h>

#define CLK_SECOND_NS INT64_C(1000000000)
#define CLK_DAY_NS    (INT64_C(86400) * CLK_SECOND_NS)

typedef struct {
	int64_t ns;
} mono_t;

typedef struct {
	int64_t ns;
} wall_t;

/* clk_mono, clk_wall - the time now. Threads: any. Source: clock_gettime(2). */
mono_t clk_mono(void);
wall_t clk_wall(void);

/* clk_day - the UTC day of a time, counted from 1970-01-01 (negative before). */
int32_t clk_day(int64_t ns);

/* clk_day_date - year, month 1..12 and day 1..31 of a day number. */
void clk_day_date(int32_t day, int *ret_year, int *ret_month, int *ret_mday);

/* clk_date_day - the inverse. Returns: the day number, or INT32_MIN where there is no such date. */
int32_t clk_date_day(int year, int month, int mday);

#define CLK_RFC3339_SIZE 40

/*
 * clk_rfc3339 - "2026-01-02T03:04:05.123456789Z", always nine decimals.
 *
 * Takes:    ns since 1970 UTC, any; buf of at least CLK_RFC3339_SIZE bytes.
 * Returns:  buf.
 */
char *clk_rfc3339(int64_t ns, char *buf);

#endif
