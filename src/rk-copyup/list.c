/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "copyup.h"

/* getdents64(2): the kernel's layout, which no header of every libc declares */
struct entry {
  uint64_t ino;
  int64_t off;
  uint16_t len;
  uint8_t type;
  char name[];
};

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
    if (e->name[0] == '.' && (!e->name[1] || (e->name[1] == '.' && !e->name[2])))
      continue;
    *name = e->name;
    *type = e->type;
    if (*type == DT_UNKNOWN) {
      struct stat st;
      if (fstatat(list->fd, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *type = (unsigned char)((st.st_mode & S_IFMT) >> 12);
    }
    return 1;
  }
}
