/* SPDX-License-Identifier: ISC
   The state directory: one fact per file, newline-terminated, replaced by rename
   (rk-state-directory(7)). */
#ifndef RK_STATE_H
#define RK_STATE_H

#include <stddef.h>
#include <sys/types.h>

/* Longest path of a state directory: a socket in it (sun_path is 108 bytes, unix(7)) must still
   fit. */
enum { RK_STATE_PATH_MAX = 107 - (int)sizeof("/.s4nn.sock") + 1 };

/* Root inside the chain may write this directory too, at any moment. So the functions below follow
   no symbolic link in any component of a path, open nothing that an open(2) could wait for
   (fifo(7), a lease of fcntl(2)) and read regular files only. */

/* Write the fact at path (relative to dirfd) = text of len bytes, atomically: a temporary file,
   then rename(2). mode as in open(2). 0, or -1 with errno; the temporary file is gone either
   way. */
int rk_fact_write(int dirfd, char const *path, char const *text, size_t len, mode_t mode);

/* Read the fact into buf (at most size - 1 bytes), strip one final newline, terminate. Length, or
   -1 with errno (EISDIR, EINVAL: no regular file). */
ssize_t rk_fact_read(int dirfd, char const *path, char *buf, size_t size);

/* open(2) of a regular file, flags as there; one that O_CREAT makes has mode 0600. The fd is the
   caller's, O_NONBLOCK and close-on-exec. -1 with errno; EISDIR or EINVAL for what is no regular
   file. */
int rk_regular_open(int dirfd, char const *path, int flags);

/* A name in buf (RK_TEMP_MAX bytes) that nobody can guess: prefix, name (as much as fits), "-", 16
   random hex digits. */
enum { RK_TEMP_MAX = 256 };
void rk_temp_name(char const *prefix, char const *name, char *buf);

/* Make a new file for writing, under such a name (".new-NAME-..."), which temp becomes. The fd and
   the file are the caller's; mode 0600, close-on-exec. -1 with errno. */
int rk_temp_open(int dirfd, char const *name, char *temp);

/* mkdirat(2), but the umask takes no right away from the owner: a directory that rk makes is one
   that rk can use. */
int rk_mkdirat(int dirfd, char const *path, mode_t mode);

/* Open the subdirectory name, made with mode 0700 if it is missing and make is set. The fd is the
   caller's. -1 with errno: ENOTDIR for a symbolic link and whatever else is no directory, EPERM for
   one that does not belong to the owner of dirfd. */
int rk_state_sub(int dirfd, char const *name, int make);

/* Is there something of that name that is no directory of the owner of dirfd, or one without his
   permissions? 1, or 0 (also if that cannot be seen). Keeps errno. */
int rk_state_foreign(int dirfd, char const *name);

/* Who a process is, beyond its recyclable number: "PID STARTTIME BOOTID" (proc_pid_stat(5) field
   22, in clock ticks). Returns the length, or -1 with errno (ESRCH: no such process). */
enum { RK_IDENTITY_MAX = 96 };
ssize_t rk_identity(pid_t pid, char *buf, size_t size);

/* Is the process that the text names still the one running? 1, 0, or -1 with errno EINVAL (no
   identity). */
int rk_identity_alive(char const *text);

/* Take the lock of the state directory, with create = O_CREAT make it: 0 with *lockfd (the
   caller's), or -1 with errno EWOULDBLOCK (held), ENOENT (there is none, or dirfd is -1). flock(2)
   belongs to the open file description, so whoever inherits the fd keeps it. What lies in its place
   and is no regular file of the user's is removed. */
int rk_state_lock(int dirfd, int create, int *lockfd);

/* Is lockfd still the lock of the directory? 1, or 0: root inside has replaced it, and another
   chain may hold the new one; -1 with errno: unknown. */
int rk_state_locked(int dirfd, int lockfd);

/* Is the chain of the state directory open at dirfd alive: its lock held, or its recorded owner
   still running? 1 or 0, -1 with errno. *pid (if not null) becomes the owner's, 0 if unknown. A
   lock or an owner that is no regular file says nothing. */
int rk_state_alive(int dirfd, pid_t *pid);

/* Does the process recorded as owner still run, in a user namespace of its own? 1 or 0. *pid as
   above. */
int rk_state_owner(int dirfd, pid_t *pid);

/* Remove what a chain leaves in its state directory, but for the file "lock", which the caller
   holds and removes last. Never follows a symlink, never crosses a mount; takes back the
   permissions that root inside took away (modes of the user's own directories). Files of rk-portd,
   rk-apid and the user (ports/, ports.status/, api.sock) stay, unless everything is set (a
   temporary directory). Takes ten seconds at most (ETIMEDOUT). 0, or -1 with the first errno:
   something is left, under its name or as ".old-...", to which nested directories are moved to be
   removed. */
int rk_state_clear(int dirfd, int everything);

/* After rk_state_clear has failed: rename what it left to ".old-...", so that the next chain can
   start all the same. Files of subordinate ids cannot be removed by the user outside, but a
   directory of his they cannot keep. 0, or -1 with errno: a name that the next chain needs is still
   taken. */
int rk_state_aside(int dirfd, int everything);

/* The last step, for the holder of the lock: remove "lock" and, if rk-state has made the directory
   (made: the fact .made, "" if it was there before), the directory at path, unless files of others
   lie there; then .made is written again. What fails is tried again a few times. 0, or -1 with the
   first errno that was left. */
int rk_state_leave(int dirfd, char const *path, char const *made);

/* Give up a chain before anything of it has run inside: take from the state directory at path, of
   which lockfd is the lock, what rk-state has written, and the directory itself if that has made
   it. Opens nothing, for there may be no fd left. 0, or -1 with errno: something is left. */
int rk_state_abandon(char const *path, int lockfd);

/* Has the directory only entries that rk or RootlessKit makes in a state directory, by their names?
   1 (also if it is empty) or 0. */
int rk_state_known(int dirfd);

/* Is there nothing but "lock"? 1 or 0; -1 with errno: unknown. */
int rk_state_bare(int dirfd);

/* Remove the entry name of dirfd, whatever it is, in the same way. 0, or -1 with errno. */
int rk_state_remove(int dirfd, char const *name);

/* Rename the entry name to ".old-...", whatever it is. 0, or -1 with errno. */
int rk_state_away(int dirfd, char const *name);

/* Make the name free: remove the entry, or else set it aside as above. 0, or -1 with errno. */
int rk_state_free(int dirfd, char const *name);

/* Add to t, in one line, what is left in the directory path for the reason e (errno), and how the
   user removes it: rest is "/.old-*" after rk_state_aside, "" if the whole directory may go.
   "unable to remove ...; run: COMMAND". */
struct rk_text;
void rk_state_left(struct rk_text *t, char const *path, char const *rest, int e);

#endif
