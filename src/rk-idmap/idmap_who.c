/* SPDX-License-Identifier: ISC
   The user's names, from the files only: a static program has no other name services, and libc's getpwuid(3) would double this one. */
#include "idmap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/types.h>

enum { LINE = 1024 };

/* The first field of the line whose third is id, in a file of NAME:PASSWORD:ID:... lines. Null: there is none. */
static char const *find(char const *file, uint32_t id)
{
  static char line[LINE];
  char buf[4096];
  size_t len = 0;
  ssize_t r;
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

  if (fd == -1) return 0;
  while ((r = fd_read(fd, buf, sizeof buf)) > 0)
    for (ssize_t i = 0; i < r; i++) {
      char *password, *number;
      uint32_t v;

      if (buf[i] != '\n') {
        if (len < LINE - 1) line[len++] = buf[i]; /* what is cut off lies far behind the third field */
        continue;
      }
      line[len] = 0;
      len = 0;
      if (!(password = strchr(line, ':')) || !(number = strchr(password + 1, ':'))) continue;
      if (password == line || number[1 + uint32_scan(number + 1, &v)] != ':' || v != id) continue;
      *password = 0;
      close(fd);
      return line;
    }
  close(fd);
  return 0;
}

struct idmap_who idmap_look_up(uint32_t uid, uint32_t gid)
{
  struct idmap_who who = {.uid = uid, .gid = gid, .name = find("/etc/passwd", uid)};
  static char name[LINE];

  if (who.name) who.name = strcpy(name, who.name);
  else who.name = getenv("USER");
  if (who.name && !*who.name) who.name = 0;
  return who;
}

char const *idmap_group(uint32_t gid)
{
  return find("/etc/group", gid);
}
