/* SPDX-License-Identifier: ISC
   The pipes that splice(2) needs, last in first out. The quota of pipe pages (pipe-user-pages-soft,
   pipe(7)) is one for all that the user runs, so there are few, and a connection has one only while
   bytes are in it. A kernel that gives small ones only (the quota is used up) gives none that are
   of use: then bytes are copied. */
#include <fcntl.h>
#include <unistd.h>

#include "relay.h"

enum {
  PIPES = 32,
  WANTED = 1 << 20,
  USEFUL = 1 << 16 /* holds the copy buffer, however it is split into pages */,
  HOLDOFF = 256
};

static struct {
  int rd, wr;
  size_t size;
} pipes[PIPES];
static int8_t idle[PIPES], unmade[PIPES];
static int nidle, nunmade = -1;
static unsigned int holdoff;

static int make(void)
{
  int fds[2], n;

  if (nunmade == -1)
    for (nunmade = 0; nunmade < PIPES; nunmade++)
      unmade[nunmade] = (int8_t)nunmade;
  if (!nunmade)
    return 0;
  if (holdoff)
    return holdoff--, 0;
  if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) == -1)
    return holdoff = HOLDOFF, 0;
  n = fcntl(fds[1], F_SETPIPE_SZ, WANTED);
  if (n == -1)
    n = fcntl(fds[1], F_GETPIPE_SZ);
  if (n < USEFUL) {
    close(fds[0]);
    close(fds[1]);
    holdoff = HOLDOFF;
    return 0;
  }
  int i = unmade[--nunmade];
  pipes[i].rd = fds[0];
  pipes[i].wr = fds[1];
  pipes[i].size = (size_t)n;
  idle[nidle++] = (int8_t)i;
  return 1;
}

int pool_ready(void)
{
  return nidle || make();
}
int pool_get(void)
{
  return pool_ready() ? idle[--nidle] : -1;
}
void pool_put(int number)
{
  idle[nidle++] = (int8_t)number;
}
int pool_reader(int number)
{
  return pipes[number].rd;
}
int pool_writer(int number)
{
  return pipes[number].wr;
}
size_t pool_size(int number)
{
  return pipes[number].size;
}

void pool_break(int number)
{
  close(pipes[number].rd);
  close(pipes[number].wr);
  unmade[nunmade++] = (int8_t)number;
}
