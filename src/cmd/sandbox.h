/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list of the system calls that a capturing process makes once it runs; the kernel refuses all
 * others, so that whoever takes us over by a malformed packet holds little (seccomp(2)).
 *
 *     on the list       goes through; some only with certain arguments: sockets of few families,
 *                       threads but no processes, memory but none that could be executed, limits
 *                       to be read but not set, signals to ourselves
 *     not on the list   fails with EPERM and is counted; something that we forgot shows in a
 *                       counter and does not end a capture
 *     declined          fails as on a kernel without it, uncounted: clone3 (libc then takes clone),
 *                       and two kinds of sockets that libpcap looks for when it lists interfaces
 *     on the other      kills the process with SIGSYS: programs, other processes' memory, mounts,
 *     list              kernel modules, bpf, namespaces, keys: none of them is ever a mistake
 *
 * Counting is done by a handler of SIGSYS, on x86_64 and aarch64; elsewhere calls are refused
 * without being counted. So SIGSYS must never be blocked: a refused call would kill. thread_start
 * leaves it alone, and sandbox_enter unblocks it. libc blocks it for moments, in which it makes no
 * call that is refused, other than posix_spawn(3), which dies as the execve(2) after it would.
 *
 * Nothing can be loaded afterwards: no dlopen(3), so no user look-up and no iconv_open(3); and what
 * cancels threads loads a library in some libc (pthread_cancel(3), pthread_exit(3)).
 *
 * Life-cycle: one filter per process, for ever. Enter after privileges_drop.
 */
#ifndef CMD_SANDBOX_H
#define CMD_SANDBOX_H

#include <stdint.h>

/*
 * sandbox_enter - install the filter on this thread and on all that it starts from now on.
 *
 * Returns:  0; -EINVAL the kernel cannot do it (seccomp left out, or older than Linux 4.14);
 *           -ENOMEM; else -errno of seccomp(2). Sets no_new_privs, if it was not set.
 * Threads:  main, once, before it starts others.
 * Source:   seccomp(2), seccomp_rule_add(3).
 */
int sandbox_enter(void);

/*
 * sandbox_denied - calls refused so far (failed with EPERM). Unit: calls. Not zero: a library does
 * what nobody foresaw, or somebody is inside; sandbox_first_denied says which call it was.
 *
 * Threads:  any.
 */
uint64_t sandbox_denied(void);

/* sandbox_first_denied - number of the first refused system call; -1: none was. Threads: any. */
int sandbox_first_denied(void);

/*
 * sandbox_call_name - a system call's name, "chroot".
 *
 * Returns:  buf of size bytes; "call 161" where the name is not known.
 */
char *sandbox_call_name(int number, char *buf, unsigned long size);

#endif
