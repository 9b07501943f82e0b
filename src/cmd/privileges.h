/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Give up what a capturing process no longer needs once its interfaces are open: become another
 * user, and keep at most the one capability that opens an interface again.
 *
 * What is left afterwards (capabilities(7)):
 *
 *     permitted, effective     CAP_NET_RAW, or nothing (PRIVILEGES_KEEP_NOTHING)
 *     inheritable, ambient     nothing
 *     bounding                 nothing where we may clear it (CAP_SETPCAP), else as it was
 *     no_new_privs             set: no program that we could run gives any of it back
 *     dumpable                 no: memory holds other people's traffic and the anonymization key
 *
 * Root that stays root (no --user, or --user root) keeps its uid, but not its powers: it may write
 * what uid 0 owns, as any owner may, and needs no capability for an archive of its own. An archive
 * or an event socket that belongs to another user takes CAP_DAC_OVERRIDE: ask privileges_foreign,
 * and add PRIVILEGES_KEEP_FILES where it says so, or cannot know. It is CAP_DAC_OVERRIDE alone:
 * new files belong to root (no CAP_CHOWN), and only their owner changes modes and times of those
 * that are there (no CAP_FOWNER), which the archive never does.
 *
 * Threads:  main, before any other thread runs: Linux keeps capabilities per thread.
 */
#ifndef CMD_PRIVILEGES_H
#define CMD_PRIVILEGES_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct privileges_user {
	uid_t uid;
	gid_t gid;
	char name[LOGIN_NAME_MAX]; /* "": has no name, and so no supplementary groups */
};

/* What to keep, or'ed together. */
enum privileges_keep {
	PRIVILEGES_KEEP_NOTHING = 0,
	PRIVILEGES_KEEP_NET_RAW =
	    1,                    /* open packet sockets: to reopen an interface that came back */
	PRIVILEGES_KEEP_FILES = 2 /* root that stays root: files of others; else without effect */
};

/*
 * privileges_find_user - look up a user by name or by number.
 *
 * Takes:    name of a user, number of a user that has a name, or "UID:GID" for any numbers.
 * Returns:  0; -ENOENT no such user, also a bare number that has no name (which group would it
 *           be?); -ENAMETOOLONG; -errno of getpwnam_r(3).
 */
int privileges_find_user(const char *name, struct privileges_user *ret_user);

/*
 * privileges_foreign - are we root, and does this file belong to somebody else?
 *
 * Takes:    path; where it is not there yet, its directory is looked at, and so on upwards.
 */
bool privileges_foreign(const char *path);

/*
 * privileges_drop - become the user, keep what is named, and check in /proc that it is so.
 *
 * Takes:    u; NULL: stay this user. Also where we are that user already, groups stay as they are.
 * Returns:  0; -EBUSY other threads run; -EPERM we may not become that user, hold less than what is
 *           to be kept, or /proc/self/status does not say what was asked for (also for a program
 *           with a set-user-ID bit: its user could come back); else -errno. After a failure the
 *           process may be between two users: end it.
 * Source:   capabilities(7), credentials(7), proc(5).
 */
int privileges_drop(const struct privileges_user *u, enum privileges_keep keep);

#endif
