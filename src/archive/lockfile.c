/* SPDX-License-Identifier: BSD-2-Clause */
/* See lockfile.h. */
#include "archive/lockfile.h"

#include <errno.h>
#include <fcntl.h>

#include "archive/archive.h"
#include "base/fileio.h"

int lockfile_open(int root)
{
	int fd = openat(root, LOCKFILE_NAME,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, ARCHIVE_FILE_MODE);

	return fd >= 0 ? fd : -errno;
}

static struct flock lock_of(int64_t byte, short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

int lockfile_take(int fd, int64_t byte, enum lockfile_wait wait)
{
	struct flock fl = lock_of(byte, F_WRLCK);

	while (fcntl(fd, wait == LOCKFILE_WAIT ? F_OFD_SETLKW : F_OFD_SETLK, &fl) != 0)
		if (errno != EINTR)
			return errno == EACCES ? -EAGAIN : -errno;
	return 0;
}

void lockfile_release(int fd, int64_t byte)
{
	struct flock fl = lock_of(byte, F_UNLCK);

	(void)fcntl(fd, F_OFD_SETLK, &fl); /* what is not free now is when the descriptor goes */
}

bool lockfile_held(int root, int64_t byte)
{
	struct flock fl = lock_of(byte, F_WRLCK);
	int fd =
	    openat(root, LOCKFILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	bool held;

	if (fd < 0)
		return false;
	held = fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
	fileio_close(fd);
	return held;
}
