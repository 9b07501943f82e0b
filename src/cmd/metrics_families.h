/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of what is measured: for each family of series its name, what kind it is, where its
 * numbers stand in a snapshot, and the sentence that tells the operator what they mean.
 */
#ifndef CMD_METRICS_FAMILIES_H
#define CMD_METRICS_FAMILIES_H

#include <stddef.h>

enum metrics_shape {
	METRICS_VALUES,     /* one number, or an array with a label */
	METRICS_INTERFACES, /* one number of every interface */
	METRICS_WRITES,     /* the histogram of writes */
	METRICS_VERSION     /* 1, with the version as its label */
};

enum metrics_unit {
	METRICS_AS_IS,
	METRICS_SECONDS /* kept in nanoseconds */
};

/* The values of a label: as many, and in the same order, as the array of the snapshot. */
struct metrics_label {
	const char *name;
	unsigned count;
	const char *(*value)(unsigned i);
	const char *(*text)(unsigned i); /* what a value means */
};

struct metrics_family {
	const char *name;
	const char *type; /* "counter", "gauge", "histogram" */
	enum metrics_shape shape;
	enum metrics_unit unit;
	size_t offset; /* in struct metrics_snapshot, or in struct metrics_interface */
	const struct metrics_label *label; /* NULL: none */
	const char *help;
};

/*
 * metrics_families - all of them, in the order in which they are shown. The last has no name.
 *
 * Threads:  any; constants.
 */
const struct metrics_family *metrics_families(void);

/* metrics_flow_state - "open" for FLOW_OPEN. */
const char *metrics_flow_state(unsigned list);

#endif
