/* SPDX-License-Identifier: ISC */
#include "apid.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <skalibs/strerr.h>

#include <rk/clock.h>
#include <rk/fail.h>
#include <rk/state.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Errors may pass, and nobody comes after us. */
enum { UNLINK_TRIES = 3 };

enum { DYING_MS = 2000 };

int apid_lock(int dirfd)
{
  struct timespec const pause = {.tv_nsec = 2000000};
  int64_t until = rk_clock_ms() + DYING_MS;

  for (;;) {
    if (flock(dirfd, LOCK_EX | LOCK_NB) == 0)
      return 0;
    if (errno != EWOULDBLOCK || rk_clock_ms() >= until)
      return -1;
    nanosleep(&pause, NULL);
  }
}

/* A chain may replace what lies under any name here: no chmod(2), and a name that it cannot
   guess. */
static int publish(struct apid_socket *own, char const *name)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  char tmp[RK_TEMP_MAX];
  struct stat st;
  int e;

  rk_temp_name(".new-", name, tmp);
  if (strlen(tmp) >= sizeof sa.sun_path)
    return rk_fail(ENAMETOOLONG);
  strcpy(sa.sun_path, tmp);
  if (bind(own->fd, (struct sockaddr *)&sa, sizeof sa) == -1)
    return -1;
  if (listen(own->fd, 128) == 0 && lstat(tmp, &st) == 0) {
    own->dev = st.st_dev;
    own->ino = st.st_ino;
    if (rename(tmp, name) == 0)
      return 0;
    /* a chain may have made a directory of that name */
    if (errno == EISDIR && rk_state_away(AT_FDCWD, name) == 0 && rename(tmp, name) == 0)
      return 0;
  }
  e = errno;
  unlink(tmp);
  return rk_fail(e);
}

int apid_listen(char const *name, struct apid_socket *own)
{
  mode_t mask;
  int r, e;

  own->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (own->fd == -1)
    return -1;
  mask = umask(0177);
  r = publish(own, name);
  umask(mask);
  if (r == 0)
    return 0;
  e = errno;
  close(own->fd);
  return rk_fail(e);
}

void apid_unlisten(char const *name, struct apid_socket const *own)
{
  struct stat st;

  for (int i = 0; i < UNLINK_TRIES; i++) {
    if (lstat(name, &st) == -1) {
      if (errno == ENOENT)
        return;
      continue;
    }
    if (st.st_dev != own->dev || st.st_ino != own->ino || unlink(name) == 0)
      return;
  }
  strerr_warnwusys("remove ", name);
}
