/* SPDX-License-Identifier: ISC */
#include "copyup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <rk/sys.h>

/* getdents64(2): the kernel's layout, which no header of every libc declares */
struct entry {
  uint64_t ino;
  int64_t off;
  uint16_t len;
  uint8_t type;
  char name[];
};

unsigned char copyup_type(mode_t mode)
{
  return (unsigned char)((mode & S_IFMT) >> 12);
}

int copyup_read_dir(int dirfd, char const *name)
{
  return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int copyup_open_dir(int dirfd, char const *name)
{
  struct open_how const how = {
    .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
    .resolve = RESOLVE_NO_XDEV,
  };

  return rk_openat2(dirfd, name, &how);
}

static int is_dot(char const *name)
{
  return !strcmp(name, ".") || !strcmp(name, "..");
}

int copyup_next(struct copyup_list *list, char const **name, unsigned char *type)
{
  for (;;) {
    struct entry const *e;
    if (list->pos >= list->len) {
      list->pos = 0;
      list->len = syscall(SYS_getdents64, list->fd, list->buf, sizeof list->buf);
      if (list->len <= 0)
        return (int)list->len;
    }
    e = (struct entry const *)(void const *)(list->buf + list->pos);
    list->pos += e->len;
    list->next = e->off;
    if (is_dot(e->name))
      continue;
    *name = e->name;
    *type = e->type;
    if (*type == DT_UNKNOWN) {
      struct stat st;
      if (fstatat(list->fd, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *type = copyup_type(st.st_mode);
    }
    return 1;
  }
}
