/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directories and files for tests. Everything lies in one directory below $TMPDIR, which goes when
 * the test case ends, however its tests ended.
 */
#ifndef SUPPORT_TEMPDIR_H
#define SUPPORT_TEMPDIR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * tempdir_setup, tempdir_teardown - make the directory and remove it with all that it holds.
 *
 * They belong into tcase_add_unchecked_fixture, which runs them outside of the tests' own
 * processes: also a test that crashes leaves nothing behind.
 */
void tempdir_setup(void);
void tempdir_teardown(void);

/*
 * tempdir_new - a fresh empty directory of this test's own. Returns: its path, which lives
 * until 64 more were made.
 */
const char *tempdir_new(void);

/* tempdir_path - "dir/name". Returns: a buffer that lives for eight more calls. */
const char *tempdir_path(const char *dir, const char *name);

/* tempdir_write - make a file of these bytes. */
void tempdir_write(const char *path, const void *bytes, size_t len);

/* tempdir_read - a file's bytes, which the caller frees. A NUL follows the last of them. */
uint8_t *tempdir_read(const char *path, size_t *ret_len);

/* tempdir_count - names in a directory, other than "." and "..". */
size_t tempdir_count(const char *path);

/* tempdir_exists - is the name taken, by anything? tempdir_mode - its permission bits. */
int tempdir_exists(const char *path);
mode_t tempdir_mode(const char *path);

/*
 * tempdir_limit - let no file of this process grow beyond `bytes` (writes fail with EFBIG, after a
 * short one); UINT64_MAX lifts the limit again. Assert nothing before that: Check keeps its notes
 * in a file, too.
 */
void tempdir_limit(uint64_t bytes);

#endif
