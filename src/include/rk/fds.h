/* SPDX-License-Identifier: ISC
   Inherited file descriptors that lead a program out of what it is put into. */
#ifndef RK_FDS_H
#define RK_FDS_H

#include <stddef.h>
#include <stdint.h>

enum rk_fds_what {
  RK_FDS_FILES = 1,   /* directories: openat(2) and fchdir(2) know no mount made since */
  RK_FDS_SOCKETS = 2, /* sockets: a socket stays in the network namespace that it was made in */
};

/* What fd is, as a noun with its article, if it is of those kinds (a sum of enum rk_fds_what) and
   leads out; NULL if it does not. own: cookie of the network namespace whose sockets lead nowhere
   else, 0 for none. Leads out:
   - a directory, opened with O_PATH or not; an io_uring, whose registered files nobody can list
     (io_uring_register(2));
   - every inet socket: a connected one is set free by connect(2) to AF_UNSPEC, a listening one by
     shutdown(2), and then connects to where its namespace can, the host's loopback included;
   - a unix socket, unless it listens (connect(2) then fails, also after shutdown(2)): datagrams go
     to any address (unix(7)), an unconnected one connects, a connected one talks to the process at
     its other end. That last kind does not lead out as 0, 1 or 2: connect(2) cannot turn it to
     another address (EISCONN), and so systemd hands out the journal;
   - every other socket (packet(7), netlink(7), vsock(7)...). */
char const *rk_fd_leads(int fd, unsigned int what, uint64_t own);

/* Cookie of this process's network namespace (SO_NETNS_COOKIE, Linux 5.14); 0 if the kernel does
   not tell. */
uint64_t rk_netns_cookie(void);

/* Is list "all", or numbers with commas between? An empty one is not. */
int rk_fds_list_valid(char const *list);

/* Does the list (NULL: an empty one) name fd? */
int rk_fds_listed(char const *list, int fd);

/* Call use for every open fd of this process that exec(2) would keep. Stops at, and returns, the
   first answer of use that is not 0. -1 with errno: /proc/self/fd is there and cannot be read.
   Where it is not, numbers up to the hard limit are tried. */
int rk_fds_each(int (*use)(int fd, void *data), void *data);

/* Dies, with 100 and every number in one line, if this process would hand prog an fd that leads out
   and that neither keep lists nor rk-listen has made (rk/listen.h); with 111 if they cannot
   be listed. */
void rk_fds_refuse(char const *keep, unsigned int what, uint64_t own);

#endif
