/* SPDX-License-Identifier: ISC
   The user's names, from the files only: a static program has no other name services, and libc's
   getpwuid(3) would double this one. */
#include "idmap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/types.h>

enum { LINE = 1024 };

/* Is this NAME:PASSWORD:ID:... the line of that id? Then it is cut behind the name. */
static int matches(char *line, uint32_t id)
{
  char *password = strchr(line, ':'), *number = password ? strchr(password + 1, ':') : 0;
  uint32_t v;

  if (!number || password == line || number[1 + uint32_scan(number + 1, &v)] != ':' || v != id)
    return 0;
  *password = 0;
  return 1;
}

/* The name of the id in such a file, in line. Null: there is none. */
static char const *find(char const *file, uint32_t id, char line[LINE])
{
  char buf[4096];
  size_t len = 0;
  ssize_t r = 1;
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY), found = 0;

  if (fd == -1)
    return 0;
  while (r > 0 && !found) {
    r = fd_read(fd, buf, sizeof buf);
    if (r <= 0)
      buf[0] = '\n'; /* the end of a last line that has none */
    for (ssize_t i = 0; (i < r || (i == 0 && r <= 0)) && !found; i++) {
      if (buf[i] != '\n') {
        /* what is cut off lies far behind the third field */
        if (len < LINE - 1)
          line[len++] = buf[i];
        continue;
      }
      line[len] = 0;
      len = 0;
      found = matches(line, id);
    }
  }
  close(fd);
  return found ? line : 0;
}

struct idmap_who idmap_look_up(uint32_t uid, uint32_t gid)
{
  static char line[LINE];
  struct idmap_who who = {.uid = uid, .gid = gid, .name = find("/etc/passwd", uid, line)};

  if (!who.name)
    who.name = getenv("USER");
  if (who.name && !*who.name)
    who.name = 0;
  return who;
}

char const *idmap_group(uint32_t gid)
{
  static char line[LINE];
  return find("/etc/group", gid, line);
}
