/* SPDX-License-Identifier: ISC
   Relative links that climb out of a directory: one level more above them, as in the symlink
   layout, and they lead astray. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <string.h>
#include <unistd.h>

#include <rk/sys.h>
#include "copyup.h"

/* Searching is worth no more than the mount that it may save: a directory that costs more (in names
   read; a link is one system call, a directory four, a mount some fifteen) or lies deeper is not
   searched to its end. */
enum { PRICE_MAX = 64, PRICE_LINK = 4, PRICE_DIR = 16, DEPTH_MAX = 24 };

uint64_t escape_bit(char const *name, size_t len)
{
  uint32_t h = 2166136261u;

  while (len--)
    h = (h ^ (unsigned char)*name++) * 16777619u;
  return (uint64_t)1 << (h >> 26);
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
  while (*top == '/' || (*top == '.' && (top[1] == '/' || !top[1])))
    top++;
  len = strcspn(top, "/");
  /* the directory itself: any entry may follow */
  climb->tops |= len ? escape_bit(top, len) : ~(uint64_t)0;
}

static void search(struct escape_climb *climb, int parent, char const *name, unsigned int depth,
                   int *left)
{
  struct open_how const how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
                               .resolve = RESOLVE_NO_XDEV};
  struct copyup_list list;
  unsigned char type;
  int r = 1;

  list.fd = rk_openat2(parent, name, &how);
  list.len = list.pos = 0;
  if (list.fd < 0) {
    /* what nobody here can search cannot lead anybody astray; another file system may be slow or
       vast */
    if (errno == EACCES ? syscall(SYS_faccessat, parent, name, X_OK) == 0 : errno != ENOENT)
      climb->out = 1;
    return;
  }
  while (!climb->out && (r = copyup_next(&list, &name, &type)) > 0) {
    *left -= type == DT_LNK ? PRICE_LINK : type == DT_DIR ? PRICE_DIR : 1;
    if (*left < 0 || depth == DEPTH_MAX)
      climb->out = 1;
    else if (type == DT_DIR)
      search(climb, list.fd, name, depth + 1, left);
    else if (type == DT_LNK) {
      char text[PATH_MAX];
      ssize_t len = readlinkat(list.fd, name, text, sizeof text - 1);
      if (len < 0)
        continue;
      text[len] = 0;
      escape_climb(climb, text, depth);
    }
  }
  if (r < 0)
    climb->out = 1;
  close(list.fd);
}

void escape_search(struct escape_climb *climb, int dirfd, char const *name)
{
  int left = PRICE_MAX;

  search(climb, dirfd, name, 1, &left);
}
