/* SPDX-License-Identifier: BSD-2-Clause */
/* See dayfile.h. */
#include "archive/dayfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/dayfilter.h"
#include "archive/dayschema.h"
#include "base/fileio.h"

#define BUSY_MS 10000

struct place {
	struct archive *archive;
	int32_t day;
	enum dayindex_mode mode;
};

enum as_it_lies { AS_IT_LIES_NO, AS_IT_LIES_YES };

static int open_db(const struct place *p, enum as_it_lies immutable, sqlite3 **ret_db)
{
	char day[LAYOUT_DAY_SIZE], uri[PATH_MAX * 3 + 64];
	const char *path = archive_path(p->archive);
	int flags = p->mode == DAYINDEX_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
					      : SQLITE_OPEN_READONLY;
	size_t n = 0;
	int rc;

	n += (size_t)snprintf(uri, sizeof(uri), "file:");
	for (; *path && n < sizeof(uri) - 64; path++) {
		bool plain = *path != '%' && *path != '?' && *path != '#';

		n += (size_t)snprintf(
		    uri + n, sizeof(uri) - n, plain ? "%c" : "%%%02x", (unsigned char)*path);
	}
	(void)snprintf(uri + n, sizeof(uri) - n, "/%s/" LAYOUT_INDEX "%s",
	    layout_day_path(p->day, day), immutable == AS_IT_LIES_YES ? "?immutable=1" : "");
	rc = sqlite3_open_v2(uri, ret_db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(*ret_db, BUSY_MS);
	return dayschema_errno(rc);
}

/*
 * A reader without permission to write cannot open an index that a kill has left in WAL mode: it
 * takes the file as it lies, without the log. Rows that are only in the log are found by file name.
 */
static int open_reader(const struct place *p, sqlite3 **ret_db)
{
	int rv = open_db(p, AS_IT_LIES_NO, ret_db);

	if (rv == 0)
		rv = dayschema_open_reader(*ret_db);
	if (rv != -EACCES && rv != -ENOENT)
		return rv;
	(void)sqlite3_close(*ret_db); /* nothing is prepared: cannot be busy */
	*ret_db = NULL;
	rv = open_db(p, AS_IT_LIES_YES, ret_db);
	return rv == 0 ? dayschema_open_reader(*ret_db) : rv;
}

/* SQLite would make the file readable by all; an empty one is as good to it. */
static int create_db(int dirfd)
{
	int fd = openat(dirfd, LAYOUT_INDEX, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    ARCHIVE_FILE_MODE);

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	fileio_close(fd);
	return 0;
}

/* SQLite's own come first. */
#define SQLITE_NAMES 4

static const char *const names[SQLITE_NAMES + 1] = {LAYOUT_INDEX, LAYOUT_INDEX "-wal",
    LAYOUT_INDEX "-shm", LAYOUT_INDEX "-journal", DAYFILTER_NAME};

const char *dayfile_name(unsigned i)
{
	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

/*
 * A journal that ends so names a super-journal: the journal of a transaction over several files,
 * which SQLite deletes, wherever it lies, when it has rolled ours back. We have no such
 * transactions: a stranger wrote it. Source: https://www.sqlite.org/fileformat2.html section 3,
 * readSuperJournal of SQLite's pager.c.
 */
static int check_journal(int dirfd)
{
	static const uint8_t magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
	int fd = openat(dirfd, LAYOUT_INDEX "-journal",
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	uint8_t tail[8];
	uint64_t size = 0;
	int rv;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	rv = fileio_size(fd, &size);
	if (rv == 0 && size >= sizeof(tail) &&
	    fileio_pread(fd, tail, sizeof(tail), size - sizeof(tail)) == (ssize_t)sizeof(tail) &&
	    memcmp(tail, magic, sizeof(tail)) == 0)
		rv = -EBADMSG;
	fileio_close(fd);
	return rv;
}

/*
 * SQLite follows links, and waits for FIFOs. The index is not opened to look at: closing the
 * descriptor would take the locks from a connection that this process has already, see fcntl(2).
 * (SQLite locks no journal.)
 */
static int check_files(int dirfd)
{
	struct stat st;

	for (size_t i = 0; i < SQLITE_NAMES; i++) {
		if (fstatat(dirfd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0) {
			if (!S_ISREG(st.st_mode))
				return -EBADMSG;
		} else if (i == 0 || errno != ENOENT) {
			return -errno;
		}
	}
	return check_journal(dirfd);
}

static int open_writer(const struct place *p, sqlite3 **ret_db)
{
	int rv = open_db(p, AS_IT_LIES_NO, ret_db);

	return rv == 0 ? dayschema_open_writer(*ret_db, p->archive, p->day) : rv;
}

/* Returns: 0; -errno; -EBADMSG something else than a file bears the name. */
static int prepare_files(const struct place *p)
{
	int dirfd = archive_open_day(p->archive, p->day), rv = 0;

	if (dirfd < 0)
		return dirfd;
	if (p->mode == DAYINDEX_WRITE)
		rv = dayfilter_remove(dirfd);
	if (rv == 0 && p->mode == DAYINDEX_WRITE)
		rv = create_db(dirfd);
	if (rv == 0)
		rv = check_files(dirfd);
	fileio_close(dirfd);
	return rv;
}

/* SQLite's own count of its memory is of no use to us, and costs a sixth of opening an index. */
static void configure(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* fails where SQLite is in use already */
}

int dayfile_open(struct archive *a, int32_t day, enum dayindex_mode mode, sqlite3 **ret_db)
{
	const struct place p = {a, day, mode};
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	sqlite3 *db = NULL;
	int rv;

	(void)pthread_once(&once, configure);
	rv = prepare_files(&p);

	if (rv == 0)
		rv = mode == DAYINDEX_WRITE ? open_writer(&p, &db) : open_reader(&p, &db);
	if (rv != 0) {
		(void)sqlite3_close(db); /* takes NULL; nothing is prepared: cannot be busy */
		return rv;
	}
	*ret_db = db;
	return 0;
}
