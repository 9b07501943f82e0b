/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks and the calendar. The date arithmetic is ours so that no time zone data can touch it. */
#include "base/clk.h"

#include <stdio.h>
#include <time.h>

mono_t clk_mono(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* fails only for a clock that does not exist */
	return (mono_t){(int64_t)ts.tv_sec * CLK_SECOND_NS + ts.tv_nsec};
}

wall_t clk_wall(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* as above */
	return (wall_t){(int64_t)ts.tv_sec * CLK_SECOND_NS + ts.tv_nsec};
}

int32_t clk_day(int64_t ns)
{
	int64_t d = ns / CLK_DAY_NS;

	return (int32_t)(ns % CLK_DAY_NS < 0 ? d - 1 : d);
}

/*
 * Days to date by counting in eras of 400 years (146,097 days) that begin on 1 March of year 0, so
 * that the leap day is the last of its year.
 */
void clk_day_date(int32_t day, int *ret_year, int *ret_month, int *ret_mday)
{
	int64_t z = (int64_t)day + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*ret_mday = (int)(doy - (153 * mp + 2) / 5 + 1);
	*ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*ret_year = (int)(yoe + era * 400 + (*ret_month <= 2));
}

int32_t clk_date_day(int year, int month, int mday)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy, day;
	int cy, cm, cd;

	if (month < 1 || month > 12 || mday < 1 || mday > 31 || year < -9999 || year > 9999)
		return INT32_MIN;
	doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + mday - 1;
	day = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
	clk_day_date((int32_t)day, &cy, &cm, &cd);
	return cy == year && cm == month && cd == mday ? (int32_t)day : INT32_MIN;
}

char *clk_rfc3339(int64_t ns, char *buf)
{
	int32_t day = clk_day(ns);
	int64_t rest = ns % CLK_DAY_NS;
	int y, m, d, s;

	if (rest < 0)
		rest += CLK_DAY_NS;
	s = (int)(rest / CLK_SECOND_NS);
	clk_day_date(day, &y, &m, &d);
	(void)snprintf(buf, CLK_RFC3339_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", y, m, d,
	    s / 3600, s / 60 % 60, s % 60, (int)(rest % CLK_SECOND_NS));
	return buf;
}
