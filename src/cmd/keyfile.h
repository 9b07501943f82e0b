/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file that holds the secret of --anonymize-key: 64 hexadecimal digits and a newline as we
 * write it; 32 bytes as they are will do too. Whoever has the key can undo the anonymization, so it
 * is never shown: not here, and not in a complaint about the file.
 */
#ifndef CMD_KEYFILE_H
#define CMD_KEYFILE_H

#include <stdint.h>

#define KEYFILE_BYTES 32

enum keyfile_missing { KEYFILE_MAKE, KEYFILE_LEAVE };

/* What its owner should be told. */
enum keyfile_state {
	KEYFILE_READ,
	KEYFILE_MADE,
	KEYFILE_OPEN /* read, but others than its owner may read it too */
};

/*
 * keyfile_load - read a key; where there is none, make one: random, with mode 0600, on disk before
 * it is used, and never over another. Several that make it at once end up with the same.
 *
 * Takes:    path, relative to the working directory; a symbolic link to a key is followed.
 *           ret_key, which the caller wipes when it has no more use for it.
 * Returns:  0; -ENOENT there is none, and it was to be left so, or its directory is missing;
 *           -ENOLINK it is a symbolic link to nothing; -EISDIR; -EBADMSG it holds no key, or is no
 *           regular file; -EFBIG it is longer than any key; -errno of open(2), read(2), write(2),
 *           fsync(2), link(2), getrandom(2). Only of fsync(2) on its directory may a new key be
 *           left behind, whole.
 */
int keyfile_load(const char *path, enum keyfile_missing missing, uint8_t ret_key[KEYFILE_BYTES],
    enum keyfile_state *ret_state);

#endif
