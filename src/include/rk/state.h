/* SPDX-License-Identifier: ISC
   The state directory: one fact per file, newline-terminated, replaced by rename (doc/state-directory). */
#ifndef RK_STATE_H
#define RK_STATE_H

#include <stddef.h>
#include <sys/types.h>

/* Longest path of a state directory: a socket in it (sun_path is 108 bytes, unix(7)) must still fit. */
enum { RK_STATE_PATH_MAX = 107 - (int)sizeof("/.s4nn.sock") + 1 };

/* Write the fact NAME (a path relative to dirfd) = text of len bytes, atomically: a temporary file, then rename(2).
   mode as in open(2). 0, or -1 with errno; the temporary file is gone either way. */
int rk_fact_write(int dirfd, char const *name, char const *text, size_t len, mode_t mode);

/* Read the fact into buf (at most size - 1 bytes), strip one final newline, terminate. Length, or -1 with errno. */
ssize_t rk_fact_read(int dirfd, char const *name, char *buf, size_t size);

/* Who a process is, beyond its recyclable number: "PID STARTTIME BOOTID" (proc_pid_stat(5) field 22, in clock ticks).
   Returns the length, or -1 with errno (ESRCH: no such process). */
enum { RK_IDENTITY_MAX = 96 };
ssize_t rk_identity(pid_t pid, char *buf, size_t size);

/* Is the process that the text names still the one running? 1, 0, or -1 with errno EINVAL (no identity). */
int rk_identity_alive(char const *text);

/* Is the chain of the state directory open at dirfd alive: its lock held, or its recorded owner still running? 1 or 0,
   -1 with errno. *pid (if not null) becomes the owner's, 0 if unknown. */
int rk_state_alive(int dirfd, pid_t *pid);

/* Remove what a chain leaves in its state directory, but for the file "lock", which the caller holds and removes last.
   Never follows a symlink. Files of rk-portd, rk-apid and the user (ports/, ports.status/, api.sock) stay, unless
   everything is set (a temporary directory). 0, or -1 with the first errno. */
int rk_state_clear(int dirfd, int everything);

#endif
