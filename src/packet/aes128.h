/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AES with a key of 128 bits, block by block, and keys for it that come from another one. It is
 * libcrypto's, which is loaded with the first key (base/latelib.h).
 *
 * Life-cycle:  new, encrypt, free.
 * Threads:     one at a time.
 */
#ifndef PACKET_AES128_H
#define PACKET_AES128_H

#include <stddef.h>
#include <stdint.h>

#define AES128_KEY_BYTES   16
#define AES128_BLOCK_BYTES 16

struct aes128;

/* aes128_load - load libcrypto, as later a sandbox may forbid it. Returns: 0; -ELIBACC. */
int aes128_load(void);

/*
 * aes128_new - Returns: 0; -ENOMEM; -ELIBACC libcrypto cannot be loaded; -EIO it refuses. Whatever
 * it opens or loads late is behind it: aes128_encrypt needs no system call.
 */
int aes128_new(const uint8_t key[AES128_KEY_BYTES], struct aes128 **ret_aes);

/*
 * aes128_encrypt - each block by itself.
 *
 * Takes:    whole blocks; ret_blocks of as many bytes, which may be the same. With a key that was
 *           taken it cannot fail.
 */
void aes128_encrypt(struct aes128 *a, const void *blocks, size_t bytes, void *ret_blocks);

/* aes128_free - takes NULL. Wipes the key. */
void aes128_free(struct aes128 *a);

/*
 * aes128_derive_key - the beginning of HMAC-SHA-256 under a key, over a label: who knows what was
 * encrypted under one derived key knows nothing of another.
 *
 * Returns:  0; -ELIBACC; -EIO.
 */
int aes128_derive_key(
    const uint8_t *key, size_t key_bytes, const char *label, uint8_t ret_key[AES128_KEY_BYTES]);

#endif
