/* SPDX-License-Identifier: ISC
   The user's names, from the files only: a static program has no other name services, and libc's
   getpwuid(3) would double this one. */
#include "idmap.h"

#include <fcntl.h>
#include <stdlib.h>
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

/* The name of the id in such a file, in line. NULL: there is none. */
static char const *find_name(char const *file, uint32_t id, char line[LINE])
{
  char room[4096];
  buffer b;
  int found = 0;
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

  if (fd == -1)
    return NULL;
  buffer_init(&b, &buffer_read, fd, room, sizeof room);
  while (!found && next_line(&b, line))
    found = matches(line, id);
  close(fd);
  return found ? line : NULL;
}

struct idmap_who idmap_look_up(uint32_t uid, uint32_t gid)
{
  static char line[LINE];
  struct idmap_who who = {
    .uid = uid,
    .gid = gid,
    .name = find_name("/etc/passwd", uid, line),
  };

  if (!who.name)
    who.name = getenv("USER");
  if (who.name && !*who.name)
    who.name = NULL;
  return who;
}

char const *idmap_group(uint32_t gid)
{
  static char line[LINE];

  return find_name("/etc/group", gid, line);
}
