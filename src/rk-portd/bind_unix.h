/* SPDX-License-Identifier: ISC
   The host's side of a port as a unix socket. */
#ifndef RK_PORTD_BIND_UNIX_H
#define RK_PORTD_BIND_UNIX_H

#include <rk/text.h>
#include "published.h"

/* Directories below which sockets may be made. A port file may come from inside the chain, and a
   socket that is put where programs outside look for one would be a trap for them. */
enum { UNIX_DIRS_MAX = 8 };
struct unix_dirs {
  struct {
    char const *path; /* absolute, without a slash at its end */
    int fd;           /* O_PATH */
  } dir[UNIX_DIRS_MAX];
  unsigned int n;
};

/* One more; dies. path lives as long as the process. */
void unix_dirs_add(struct unix_dirs *dirs, char const *path);

/* Make the socket that p->file.spec names, listening. 0 with p->fds[0], or -1 with errno and *why
   (empty: errno says it). EADDRINUSE: somebody listens there. A socket of the user's at which
   nobody listens is replaced: it is what a killed rk-portd leaves. */
int unix_bind(struct unix_dirs const *dirs, struct published *p, struct rk_text *why);

/* Close it, and remove its file, if that is still the one that was made. */
void unix_undo(struct published *p);

#endif
