/* SPDX-License-Identifier: ISC */
#include <rk/names.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/types.h>

/* Is this NAME:PASSWORD:ID:... the line of that id? Then it is cut after the name. */
static int matches(char *line, uint32_t id)
{
  char *password = strchr(line, ':');
  char *number;
  uint32_t v;

  if (!password || password == line)
    return 0;
  number = strchr(password + 1, ':');
  if (!number)
    return 0;
  number++;
  number += uint32_scan(number, &v);
  if (number[-1] == ':' || *number != ':' || v != id)
    return 0;
  *password = 0;
  return 1;
}

/* The next line, without its newline: what does not fit is cut off (that is far after the third
   field). 0: there is none. */
static int next_line(buffer *b, char line[RK_LINE_MAX])
{
  size_t len = 0;
  ssize_t r;
  char c;

  while ((r = buffer_get(b, &c, 1)) == 1 && c != '\n')
    if (len < RK_LINE_MAX - 1)
      line[len++] = c;
  line[len] = 0;
  return r == 1 || len;
}

void rk_each_line(char const *file, void (*take)(void *data, char *line), void *data)
{
  char room[4096];
  char line[RK_LINE_MAX];
  buffer b;
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd == -1)
    return;
  buffer_init(&b, &buffer_read, fd, room, sizeof room);
  while (next_line(&b, line))
    take(data, line);
  close(fd);
}

void rk_names_take(struct rk_names *names, char *line)
{
  char *at = names->text + names->used;
  size_t size;

  if (names->n == RK_NAMES_MAX || !matches(line, names->id))
    return;
  size = strlen(line) + 1;
  if (size > sizeof names->text - names->used)
    return;
  memcpy(at, line, size);
  names->used += size;
  names->list[names->n] = at;
  names->n++;
}

static void take(void *data, char *line)
{
  rk_names_take(data, line);
}

void rk_names_read(struct rk_names *names, char const *file, uint32_t id)
{
  memset(names, 0, sizeof *names);
  names->id = id;
  rk_each_line(file, take, names);
}
