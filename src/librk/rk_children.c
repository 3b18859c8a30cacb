/* SPDX-License-Identifier: ISC */
#include <rk/children.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/types.h>

#include <rk/sys.h>
#include <rk/text.h>

/* Bytes read, -1: none could be. */
static ssize_t read_at(int proc, char const *path, char *buf, size_t size)
{
  struct open_how const how = {
    .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
    .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
  };
  int fd = rk_openat2(proc, path, &how);
  ssize_t n;

  if (fd == -1)
    return -1;
  n = read(fd, buf, size);
  close(fd);
  return n;
}

/* The file is "PID PID ... ". */
int rk_children_read(struct rk_children *list, int proc, pid_t of)
{
  char path[64];
  struct rk_text t = rk_text_in(path, sizeof path);
  ssize_t n;

  rk_text_num(&t, of);
  rk_text_str(&t, "/task/");
  rk_text_num(&t, of);
  rk_text_str(&t, "/children");
  n = read_at(proc, path, list->text, sizeof list->text - 1);
  list->text[n > 0 ? n : 0] = 0;
  list->next = list->text;
  return n == -1 ? -1 : 0;
}

pid_t rk_children_next(struct rk_children *list)
{
  char *end = strchr(list->next, ' ');
  unsigned int pid;

  if (!end)
    return 0;
  *end = 0;
  if (!uint0_scan(list->next, &pid))
    return 0;
  list->next = end + 1;
  return (pid_t)pid;
}

int rk_child_is_outside(int proc, pid_t pid)
{
  static char const outside[] = "rk-outside\n";
  char path[32];
  char name[16];
  struct rk_text t = rk_text_in(path, sizeof path);
  ssize_t n;

  rk_text_num(&t, pid);
  rk_text_str(&t, "/comm");
  n = read_at(proc, path, name, sizeof name);
  return n == sizeof outside - 1 && !memcmp(name, outside, sizeof outside - 1);
}
