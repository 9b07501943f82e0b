/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What --payload and --anonymize ask for, made ready before anything is opened: the secret key is
 * there, and the operator is told what stays readable.
 */
#ifndef CMD_PRIVACY_H
#define CMD_PRIVACY_H

#include "cmd/keyfile.h"
#include "cmd/options.h"

struct privacy {
	uint8_t key[KEYFILE_BYTES]; /* zeros where the policy needs none */
};

/*
 * privacy_prepare - read the key, or make it, where the policy needs one, and load what encrypts.
 *
 * Takes:    o; missing, KEYFILE_LEAVE to create nothing: then it is checked that one could be made.
 * Returns:  0; after saying what is wrong: -EINVAL the options contradict each other; -errno.
 */
int privacy_prepare(
    const struct options *o, enum keyfile_missing missing, struct privacy *ret_privacy);

/* privacy_wipe - forget the key. */
void privacy_wipe(struct privacy *p);

#endif
