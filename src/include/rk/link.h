/* SPDX-License-Identifier: ISC
   What links share: the control socket to rk-outside, and becoming the next program. */
#ifndef RK_LINK_H
#define RK_LINK_H

#include <stddef.h>

/* fds that links pass on to one another sit at or above this number: 3... belongs to the user
   (LISTEN_FDS). */
enum { RK_FD_BASE = 100 };

/* Duplicate fd out of the way of the user's: at RK_FD_BASE or above, or, where the limit of open
   files does not allow that, at 10 or above. command: F_DUPFD or F_DUPFD_CLOEXEC. Returns the new
   one, or -1 with errno, EMFILE if there is no room. */
int rk_fd_high(int fd, int command);

/* The control socket: this process's end of the socket pair to rk-outside, from RK_OUTSIDE_FD. It
   is made close-on-exec. -1 with errno ENOENT: the variable is not set (no rk-userns before, or it
   was closed); EBADF: it names no socket; else a system call failed. The caller does not close
   it. */
int rk_ctl_fd(void);

/* Send one request of len bytes (a struct of rk/ctl.h), with fd by SCM_RIGHTS unless fd is -1, and
   wait for the reply of exactly replylen bytes. Returns 0, or -1 with errno: ENOENT and EBADF as
   rk_ctl_fd, EPIPE if rk-outside is gone (the reply begins with a struct rk_reply: if the version
   of that is RK_OUTSIDE_FAILED, its text says why), EPROTO if the reply has another size. What
   rk-outside made of the request is in the reply. */
int rk_ctl_call(void const *request, size_t len, int fd, void *reply, size_t replylen);

/* Its two halves, for a caller that has something to do meanwhile. */
int rk_ctl_send(void const *request, size_t len, int fd);
int rk_ctl_recv(void *reply, size_t replylen);

/* rk_ctl_call, but dies with a clear line if there is no control socket or rk-outside is gone.
   what: "map ids", "connect the network". */
void rk_ctl_call_or_die(char const *what, void const *request, size_t len, int fd, void *reply,
                        size_t replylen);

/* Die of a failed rk_ctl_call: errno and reply as it left them; said NULL: it was
   rk_ctl_send that failed. */
struct rk_reply;
void rk_ctl_die(char const *what, struct rk_reply const *said) __attribute__((noreturn));

/* Tell rk-outside that the chain is ready (it then writes child_pid for this very process) and
   close the control socket. Does nothing if there is none. Dies (111) if rk-outside is gone or
   cannot write the state directory. */
void rk_ctl_close(void);

/* The same for a caller that has somebody to tell before it dies: what has failed, or
   RK_CTL_CLOSED; then rk_ctl_close_die says it, with errno as it was left. */
enum rk_ctl_closed {
  RK_CTL_CLOSED,
  RK_CTL_UNTESTED,  /* rk-net -s without rk-net -w: nobody would test the host's loopback */
  RK_CTL_UNSAID,    /* rk-outside was not reached: errno as of rk_ctl_call */
  RK_CTL_UNWRITTEN, /* it could not write the state directory: errno */
};
enum rk_ctl_closed rk_ctl_try_close(struct rk_reply *said);
void rk_ctl_close_die(enum rk_ctl_closed failed, struct rk_reply const *said)
  __attribute__((noreturn));

/* Is prog one of our own links, as rk_link_exec decides it? */
int rk_link_is(char const *prog);

/* Become argv. The next program inherits the control socket if it is a link of this toolkit (a name
   that package/targets marks as a link, found as exec(3) finds it, and the same file as the one of
   that name in the directory of the running program), or if keep is set. Else rk_listen_end
   (rk/listen.h) and rk_ctl_close are called and the variables between links are removed. Never
   returns: 126/127 as xexec. */
void rk_link_exec(char const *const *argv, int keep) __attribute__((noreturn));

/* Absolute path of a program of libexec/rk ("rk-outside", "net/pasta") beside the running one's own
   directory: /proc/self/exe -> PREFIX/bin/x -> PREFIX/libexec/rk/NAME. Also right when called from
   libexec/rk itself. Returns 0, or -1 with errno (ENAMETOOLONG, or readlink's: /proc missing). */
int rk_libexec(char const *name, char *path, size_t size);

#endif
