/* SPDX-License-Identifier: BSD-2-Clause */
/* See aes128.h. */
#include "config.h"

#include "packet/aes128.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/latelib.h"

#define LIBCRYPTO_FUNCTIONS(X)                                                   \
	X(EVP_CIPHER_CTX_free)                                                   \
	X(EVP_CIPHER_CTX_new)                                                    \
	X(EVP_CIPHER_CTX_set_padding) X(EVP_EncryptInit_ex) X(EVP_EncryptUpdate) \
	    X(EVP_aes_128_ecb) X(EVP_sha256) X(HMAC)

struct libcrypto {
	LIBCRYPTO_FUNCTIONS(LATELIB_POINTER)
};

struct aes128 {
	const struct libcrypto *lib;
	EVP_CIPHER_CTX *ctx;
};

static struct libcrypto functions;

#define SYMBOL(name) LATELIB_SYMBOL(libcrypto, name)
static const struct latelib_symbol symbols[] = {LIBCRYPTO_FUNCTIONS(SYMBOL)};
static struct latelib library = LATELIB_INIT(LIBCRYPTO_SONAME, symbols, &functions);

static const struct libcrypto *load(void)
{
	const char *why;

	return latelib_load(&library, &why);
}

int aes128_load(void)
{
	return load() != NULL ? 0 : -ELIBACC;
}

static bool encrypt(const struct aes128 *a, const void *blocks, size_t bytes, void *ret_blocks)
{
	int n = 0;

	return a->lib->EVP_EncryptUpdate(a->ctx, ret_blocks, &n, blocks, (int)bytes) == 1 &&
	       n == (int)bytes;
}

int aes128_new(const uint8_t key[AES128_KEY_BYTES], struct aes128 **ret_aes)
{
	uint8_t block[AES128_BLOCK_BYTES] = {0};
	struct aes128 *a = calloc(1, sizeof(*a));
	const struct libcrypto *lib = load();

	if (a == NULL || lib == NULL) {
		free(a);
		return a == NULL ? -ENOMEM : -ELIBACC;
	}
	a->lib = lib;
	a->ctx = lib->EVP_CIPHER_CTX_new();
	if (a->ctx == NULL) {
		aes128_free(a);
		return -ENOMEM;
	}
	/* The block is for what libcrypto loads late. */
	if (lib->EVP_EncryptInit_ex(a->ctx, lib->EVP_aes_128_ecb(), NULL, key, NULL) != 1 ||
	    lib->EVP_CIPHER_CTX_set_padding(a->ctx, 0) != 1 ||
	    !encrypt(a, block, sizeof(block), block)) {
		aes128_free(a);
		return -EIO;
	}
	*ret_aes = a;
	return 0;
}

void aes128_encrypt(struct aes128 *a, const void *blocks, size_t bytes, void *ret_blocks)
{
	bool ok = encrypt(a, blocks, bytes, ret_blocks);

	/* It has worked with this key; what was to be hidden must not stay if it does not. */
	assert(ok);
}

void aes128_free(struct aes128 *a)
{
	if (a == NULL)
		return;
	a->lib->EVP_CIPHER_CTX_free(a->ctx); /* wipes it */
	free(a);
}

int aes128_derive_key(
    const uint8_t *key, size_t key_bytes, const char *label, uint8_t ret_key[AES128_KEY_BYTES])
{
	const struct libcrypto *lib = load();
	uint8_t digest[EVP_MAX_MD_SIZE];
	bool ok;

	if (lib == NULL)
		return -ELIBACC;
	ok = lib->HMAC(lib->EVP_sha256(), key, (int)key_bytes, (const uint8_t *)label,
		 strlen(label), digest, NULL) != NULL;
	if (ok)
		memcpy(ret_key, digest, AES128_KEY_BYTES);
	explicit_bzero(digest, sizeof(digest));
	return ok ? 0 : -EIO;
}
