/* SPDX-License-Identifier: BSD-2-Clause */
/* See privacy.h. */
#include "cmd/privacy.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "packet/aes128.h"

/* Could a key be made there? */
static int check_place(const char *path)
{
	char copy[PATH_MAX];

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	return access(dirname(copy), W_OK | X_OK) == 0 ? 0 : -errno;
}

static int load_key(const struct options *o, enum keyfile_missing missing, struct privacy *p)
{
	enum keyfile_state state = KEYFILE_READ;
	char printable[512];
	int rv = keyfile_load(o->anonymize_key, missing, p->key, &state);

	(void)log_printable(printable, sizeof(printable), o->anonymize_key);
	if (rv == -ENOENT && missing == KEYFILE_LEAVE)
		rv = check_place(o->anonymize_key);
	if (rv == -EBADMSG || rv == -EFBIG)
		log_error("options",
		    "--anonymize-key: '%s' holds no key; legal: 64 hexadecimal digits, or 32 bytes",
		    printable);
	else if (rv != 0)
		log_error("options", "--anonymize-key: '%s': %s", printable,
		    rv == -ENOLINK ? "a symbolic link that leads nowhere" : strerror(-rv));
	else if (state == KEYFILE_MADE)
		log_info("privacy",
		    "new key in '%s': without it nothing archived later gets the same addresses",
		    printable);
	else if (state == KEYFILE_OPEN)
		log_warning("privacy",
		    "'%s' can be read by others than its owner: chmod 600; continuing", printable);
	return rv;
}

/* Now: when the sandbox has begun, it lets no code be loaded. */
static int load_cipher(void)
{
	int rv = aes128_load();

	if (rv != 0)
		log_error("privacy", "cannot encrypt: libcrypto: %s", strerror(-rv));
	return rv;
}

int privacy_prepare(
    const struct options *o, enum keyfile_missing missing, struct privacy *ret_privacy)
{
	const struct policy *policy = &o->policy;
	bool payload = policy->payload == PAYLOAD_FULL ||
		       (policy->payload == PAYLOAD_BYTES && policy->payload_bytes > 0);
	int rv;

	memset(ret_privacy, 0, sizeof(*ret_privacy));
	/* What is to be hidden must not lie in a core file. It cannot fail with these. */
	if (!policy_is_none(policy))
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (o->anonymize_exempt != NULL && policy->addresses == ADDRESSES_KEPT) {
		log_error("options", "--anonymize-exempt needs --anonymize");
		return -EINVAL;
	}
	if (policy_needs_key(policy) && o->anonymize_key == NULL) {
		log_error("options", "%s needs --anonymize-key FILE",
		    policy->macs ? "--anonymize-mac" : "--anonymize cryptopan");
		return -EINVAL;
	}
	rv = policy_needs_key(policy) ? load_cipher() : 0;
	if (rv == 0 && policy_needs_key(policy))
		rv = load_key(o, missing, ret_privacy);
	if (rv == 0 && policy->addresses != ADDRESSES_KEPT && payload)
		log_warning("privacy",
		    "addresses in headers are hidden, but payload stays as it is, with all that it "
		    "tells (--payload headers cuts it); continuing");
	return rv;
}

void privacy_wipe(struct privacy *p)
{
	explicit_bzero(p->key, sizeof(p->key));
}
