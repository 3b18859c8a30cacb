/* SPDX-License-Identifier: ISC
   The user's names, from the files, else from getent: a static program has no other name services,
   and libc's getpwuid(3) would double this one. */
#include "idmap.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/types.h>

enum { LINE = 1024 };

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
static int next_line(buffer *b, char line[LINE])
{
  size_t len = 0;
  ssize_t r;
  char c;

  while ((r = buffer_get(b, &c, 1)) == 1 && c != '\n')
    if (len < LINE - 1)
      line[len++] = c;
  line[len] = 0;
  return r == 1 || len;
}

void idmap_each_line(char const *file, void (*take)(void *data, char *line), void *data)
{
  char room[4096];
  char line[LINE];
  buffer b;
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd == -1)
    return;
  buffer_init(&b, &buffer_read, fd, room, sizeof room);
  while (next_line(&b, line))
    take(data, line);
  close(fd);
}

enum { NAMES = 32 };

struct names {
  uint32_t id;
  size_t n;
  char const *list[NAMES + 1];
  size_t used;
  char text[4096];
};

/* Keep the name if the line is one of the id. */
static void take_name(void *data, char *line)
{
  struct names *to = data;
  char *at = to->text + to->used;
  size_t size;

  if (to->n == NAMES || !matches(line, to->id))
    return;
  size = strlen(line) + 1;
  if (size > sizeof to->text - to->used)
    return;
  memcpy(at, line, size);
  to->used += size;
  to->list[to->n] = at;
  to->n++;
}

char const *const *idmap_user(uint32_t uid)
{
  static struct names names;
  char line[LINE];

  names.id = uid;
  idmap_each_line("/etc/passwd", take_name, &names);
  if (!names.n) {
    idmap_getent(uid, line, sizeof line);
    take_name(&names, line);
  }
  return names.list;
}

char const *const *idmap_group(uint32_t gid)
{
  static struct names names;

  names.id = gid;
  idmap_each_line("/etc/group", take_name, &names);
  return names.list;
}
