/* SPDX-License-Identifier: ISC
   Relative links that climb out of a directory: one level more above them, as in the symlink
   layout, and they lead astray. */
#include "copyup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>

/* Searching is worth no more than the mount that it may save: a directory that costs more (in names
   read; a link is one system call, a directory four, a mount some fifteen) or lies deeper is not
   searched to its end. */
enum { PRICE_MAX = 64, PRICE_LINK = 4, PRICE_DIR = 16, DEPTH_MAX = 24 };

uint64_t escape_bit(char const *name, size_t len)
{
  uint32_t h = 2166136261u;

  for (size_t i = 0; i < len; i++) {
    h ^= (unsigned char)name[i];
    h *= 16777619u;
  }
  return (uint64_t)1 << (h >> 26);
}

/* The first component that is not ".". */
static char const *skip_dots(char const *s)
{
  for (;;) {
    s += strspn(s, "/");
    if (s[0] != '.' || (s[1] && s[1] != '/'))
      return s;
    s++;
  }
}

void escape_climb(struct escape_climb *climb, char const *text, unsigned int depth)
{
  unsigned int ups = 0;
  char const *top = text; /* what follows the last ".." */
  size_t len;

  if (*text == '/')
    return;
  for (char const *s = text; *s; s += len) {
    s += strspn(s, "/");
    len = strcspn(s, "/");
    if (len == 2 && s[0] == '.' && s[1] == '.') {
      ups++;
      top = s + 2;
    }
  }
  if (ups > depth)
    climb->out = 1;
  if (ups < depth)
    return;
  top = skip_dots(top);
  len = strcspn(top, "/");
  /* the directory itself: any entry may follow */
  climb->tops |= len ? escape_bit(top, len) : ~(uint64_t)0;
}

/* A directory that could not be opened, for errno: what nobody here can search cannot lead anybody
   astray; another file system may be slow or vast. */
static int is_harmless(int parent, char const *name)
{
  if (errno == EACCES)
    return syscall(SYS_faccessat, parent, name, X_OK) == -1;
  return errno == ENOENT;
}

static int price(unsigned char type)
{
  switch (type) {
    case DT_LNK: return PRICE_LINK;
    case DT_DIR: return PRICE_DIR;
    default: return 1;
  }
}

static void add_link(struct escape_climb *climb, int dirfd, char const *name, unsigned int depth)
{
  char text[PATH_MAX];
  ssize_t len = readlinkat(dirfd, name, text, sizeof text - 1);

  if (len == -1)
    return;
  text[len] = 0;
  escape_climb(climb, text, depth);
}

static void search(struct escape_climb *climb, int parent, char const *name, unsigned int depth,
                   int *left)
{
  struct copyup_list list;
  unsigned char type;
  int r = 1;

  list.fd = copyup_open_dir(parent, name);
  list.len = 0;
  list.pos = 0;
  if (list.fd == -1) {
    if (!is_harmless(parent, name))
      climb->out = 1;
    return;
  }
  while (!climb->out && (r = copyup_next(&list, &name, &type)) > 0) {
    *left -= price(type);
    if (*left < 0 || depth == DEPTH_MAX)
      climb->out = 1;
    else if (type == DT_DIR)
      search(climb, list.fd, name, depth + 1, left);
    else if (type == DT_LNK)
      add_link(climb, list.fd, name, depth);
  }
  if (r == -1)
    climb->out = 1;
  close(list.fd);
}

void escape_search(struct escape_climb *climb, int dirfd, char const *name)
{
  int left = PRICE_MAX;

  search(climb, dirfd, name, 1, &left);
}
