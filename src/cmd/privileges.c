/* SPDX-License-Identifier: BSD-2-Clause */
/* See privileges.h. */
#include "cmd/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <libgen.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/parse.h"

/* ThreadSanitizer has a thread of its own, that must not count. */
#if defined(__SANITIZE_THREAD__)
#define FOREIGN_THREADS 1
#elif defined(__has_feature)
#define FOREIGN_THREADS __has_feature(thread_sanitizer)
#else
#define FOREIGN_THREADS 0
#endif

#define CAPABILITY(c) (UINT64_C(1) << (c))

/* The greatest id is no id: (uid_t)-1 tells setresuid(2) to change nothing. */
#define MAX_ID (UINT32_MAX - 1)

/* /proc/self/status is about 1.5 KiB; a user's groups make it longer. */
#define STATUS_SIZE (1U << 20)

/* What proc(5) says of this process. */
struct status {
	uint32_t uid[4], gid[4]; /* real, effective, saved, file system */
	uint64_t inheritable, permitted, effective, bounding, ambient;
	unsigned no_new_privs, threads;
};

/* What it has to say. */
struct wanted {
	uid_t uid;
	gid_t gid;
	uint64_t capabilities, bounding;
};

static int take_passwd(const struct passwd *p, struct privileges_user *ret_user)
{
	if (strlen(p->pw_name) >= sizeof(ret_user->name))
		return -ENAMETOOLONG;
	*ret_user = (struct privileges_user){.uid = p->pw_uid, .gid = p->pw_gid};
	memcpy(ret_user->name, p->pw_name, strlen(p->pw_name) + 1);
	return 0;
}

/* "UID:GID", which need not be known to the system. */
static int take_pair(const char *text, struct privileges_user *ret_user)
{
	const char *colon = strchr(text, ':');
	uint64_t uid, gid;
	char buf[16];

	if (colon == NULL || (size_t)(colon - text) >= sizeof(buf))
		return -ENOENT;
	memcpy(buf, text, (size_t)(colon - text));
	buf[colon - text] = '\0';
	if (parse_number(buf, 0, MAX_ID, &uid) != 0 ||
	    parse_number(colon + 1, 0, MAX_ID, &gid) != 0)
		return -ENOENT;
	*ret_user = (struct privileges_user){.uid = (uid_t)uid, .gid = (gid_t)gid};
	return 0;
}

int privileges_find_user(const char *name, struct privileges_user *ret_user)
{
	struct passwd p, *found = NULL;
	char buf[16384]; /* more than _SC_GETPW_R_SIZE_MAX of any libc */
	uint64_t uid;
	int rv;

	/* A name of digits is a name first, as chown(1) has it. */
	rv = getpwnam_r(name, &p, buf, sizeof(buf), &found);
	if (found == NULL && parse_number(name, 0, MAX_ID, &uid) == 0)
		rv = getpwuid_r((uid_t)uid, &p, buf, sizeof(buf), &found);
	if (found != NULL)
		return take_passwd(found, ret_user);
	/* "Not found" has many numbers, getpwnam(3). */
	if (rv != 0 && rv != ENOENT && rv != ESRCH && rv != EBADF && rv != EPERM)
		return -rv;
	return take_pair(name, ret_user);
}

bool privileges_foreign(const char *path)
{
	char buf[PATH_MAX], *at = buf;
	struct stat st;

	if (geteuid() != 0 || strlen(path) >= sizeof(buf))
		return false;
	memcpy(buf, path, strlen(path) + 1);
	while (stat(at, &st) != 0) {
		if (errno != ENOENT || strcmp(at, "/") == 0 || strcmp(at, ".") == 0)
			return false;
		at = dirname(at);
	}
	return st.st_uid != 0;
}

/* Read a line "Name:<tab>text" of proc(5). Returns: the text behind the tab. */
static const char *status_field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at != NULL ? at + strlen(name) : "";
}

static int parse_status(const char *text, struct status *ret_status)
{
	struct status s = {0};
	const struct {
		const char *name;
		uint64_t *value;
	} sets[] = {{"\nCapInh:\t", &s.inheritable}, {"\nCapPrm:\t", &s.permitted},
	    {"\nCapEff:\t", &s.effective}, {"\nCapBnd:\t", &s.bounding},
	    {"\nCapAmb:\t", &s.ambient}};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (sscanf(status_field(text, sets[i].name), "%" SCNx64, sets[i].value) != 1)
			return -EPERM;
	if (sscanf(status_field(text, "\nUid:\t"), "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32,
		&s.uid[0], &s.uid[1], &s.uid[2], &s.uid[3]) != 4 ||
	    sscanf(status_field(text, "\nGid:\t"), "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32,
		&s.gid[0], &s.gid[1], &s.gid[2], &s.gid[3]) != 4 ||
	    sscanf(status_field(text, "\nNoNewPrivs:\t"), "%u", &s.no_new_privs) != 1 ||
	    sscanf(status_field(text, "\nThreads:\t"), "%u", &s.threads) != 1)
		return -EPERM;
	*ret_status = s;
	return 0;
}

static int read_status(struct status *ret_status)
{
	char *text = malloc(STATUS_SIZE);
	ssize_t n;
	int fd, rv;

	if (text == NULL)
		return -ENOMEM;
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -errno : fileio_read(fd, text, STATUS_SIZE - 1);
	if (fd >= 0)
		fileio_close(fd);
	if (n >= 0)
		text[n] = '\0';
	rv = n < 0 ? (int)n : parse_status(text, ret_status);
	free(text);
	return rv;
}

static bool all_are(const uint32_t ids[4], uint32_t id)
{
	return ids[0] == id && ids[1] == id && ids[2] == id && ids[3] == id;
}

/* The kernel's word that all is as it was asked for. */
static int verify(const struct wanted *w)
{
	struct status s;
	int rv = read_status(&s);

	if (rv != 0)
		return rv;
	if (!all_are(s.uid, w->uid) || !all_are(s.gid, w->gid))
		return -EPERM;
	if (s.permitted != w->capabilities || s.effective != w->capabilities ||
	    s.inheritable != 0 || s.ambient != 0 || s.bounding != w->bounding)
		return -EPERM;
	return s.no_new_privs == 1 ? 0 : -EPERM;
}

/* While we still may: after setresuid(2) CAP_SETPCAP is gone. */
static int clear_bounding(void)
{
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		return 0;
	capng_clear(CAPNG_SELECT_BOUNDS);
	return capng_apply(CAPNG_SELECT_BOUNDS) == 0 ? 0 : -EPERM;
}

/* Groups first: afterwards we are nobody who could set them. */
static int become(const struct privileges_user *u)
{
	/* Permitted capabilities outlive the change of user, prctl(2); they are cut down next. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return -errno;
	if ((u->name[0] != '\0' ? initgroups(u->name, u->gid) : setgroups(0, NULL)) != 0 ||
	    setresgid(u->gid, u->gid, u->gid) != 0 || setresuid(u->uid, u->uid, u->uid) != 0 ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)
		return -errno;
	return u->name[0] != '\0' || getgroups(0, NULL) == 0 ? 0 : -EPERM;
}

static int reduce_capabilities(uint64_t keep)
{
	const capng_type_t both = CAPNG_EFFECTIVE | CAPNG_PERMITTED;

	if (capng_get_caps_process() != 0)
		return -EPERM;
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned c = 0; c < 64; c++)
		if ((keep & CAPABILITY(c)) != 0 && capng_update(CAPNG_ADD, both, c) != 0)
			return -EPERM;
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return -EPERM; /* more than we hold */
	/* Without inheritable ones there are none since Linux 4.3; before, there were none ever. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return 0;
}

/*
 * A core dump would put packets and keys on a disk that nobody guards like the archive, and another
 * process of the same user could attach and use our CAP_NET_RAW. After a change of user the kernel
 * has set it already (prctl(2)); so it is the same without one. /proc/self stays readable to us.
 */
static int lock_up(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -errno;
	return 0;
}

static bool is_us(const struct privileges_user *u)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	return getresuid(&r, &e, &s) == 0 && getresgid(&rg, &eg, &sg) == 0 && r == u->uid &&
	       e == u->uid && s == u->uid && rg == u->gid && eg == u->gid && sg == u->gid;
}

static uint64_t capabilities_of(uid_t uid, enum privileges_keep keep)
{
	uint64_t set = 0;

	if (keep & PRIVILEGES_KEEP_NET_RAW)
		set |= CAPABILITY(CAP_NET_RAW);
	if ((keep & PRIVILEGES_KEEP_FILES) && uid == 0)
		set |= CAPABILITY(CAP_DAC_OVERRIDE);
	return set;
}

int privileges_drop(const struct privileges_user *u, enum privileges_keep keep)
{
	struct wanted w = {
	    .uid = u != NULL ? u->uid : geteuid(), .gid = u != NULL ? u->gid : getegid()};
	struct status before = {0};
	int rv = read_status(&before);

	if (rv == 0 && before.threads > 1 && !FOREIGN_THREADS)
		rv = -EBUSY;
	if (rv == 0 && capng_get_caps_process() != 0)
		rv = -EPERM;
	if (rv != 0)
		return rv;
	w.capabilities = capabilities_of(w.uid, keep);
	w.bounding = before.effective & CAPABILITY(CAP_SETPCAP) ? 0 : before.bounding;
	rv = clear_bounding();
	if (rv == 0 && u != NULL && !is_us(u))
		rv = become(u);
	if (rv == 0)
		rv = reduce_capabilities(w.capabilities);
	if (rv == 0)
		rv = lock_up();
	return rv == 0 ? verify(&w) : rv;
}
