/* SPDX-License-Identifier: ISC
   The pipes that splice(2) needs, last in first out. The quota of pipe pages (pipe-user-pages-soft,
   pipe(7)) is one for all that the user runs, so there are few, and a connection has one only while
   bytes are in it. A kernel that gives small ones only (the quota is used up) gives none that are
   of use: then bytes are copied. */
#include <fcntl.h>
#include <unistd.h>

#include "relay.h"

enum {
  WANTED = 1 << 20,
  USEFUL = 1 << 16, /* holds the copy buffer, however it is split into pages */
  HOLDOFF = 256
};

/* The size that it has become, or -1. */
static int enlarge(int fd)
{
  int size = fcntl(fd, F_SETPIPE_SZ, WANTED);

  return size == -1 ? fcntl(fd, F_GETPIPE_SZ) : size;
}

static void keep(struct pool *pool, int const fds[2], int size)
{
  int i = 0;

  while (pool->pipe[i].size)
    i++;
  pool->pipe[i].rd = fds[0];
  pool->pipe[i].wr = fds[1];
  pool->pipe[i].size = (size_t)size;
  pool->made++;
  pool_put(pool, i);
}

static int make(struct pool *pool)
{
  int fds[2];

  if (pool->made == PIPES)
    return 0;
  if (pool->holdoff) {
    pool->holdoff--;
    return 0;
  }
  if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) == -1) {
    pool->holdoff = HOLDOFF;
    return 0;
  }
  int size = enlarge(fds[1]);
  if (size < USEFUL) {
    close(fds[0]);
    close(fds[1]);
    pool->holdoff = HOLDOFF;
    return 0;
  }
  keep(pool, fds, size);
  return 1;
}

int pool_ready(struct pool *pool)
{
  return pool->nidle || make(pool);
}

int pool_get(struct pool *pool)
{
  if (!pool_ready(pool))
    return -1;
  pool->nidle--;
  return pool->idle[pool->nidle];
}

void pool_put(struct pool *pool, int number)
{
  pool->idle[pool->nidle] = (int8_t)number;
  pool->nidle++;
}

void pool_break(struct pool *pool, int number)
{
  close(pool->pipe[number].rd);
  close(pool->pipe[number].wr);
  pool->pipe[number].size = 0;
  pool->made--;
}
