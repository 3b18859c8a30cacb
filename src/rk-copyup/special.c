/* SPDX-License-Identifier: ISC
   Sockets and FIFOs below an overlay. An overlay has inodes of its own, and unix sockets and FIFOs
   are found by their inode (unix_find_bsd(), fifo_open() of the kernel), so that nobody would
   answer there. The originals are mounted on them. */
#include "copyup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/sys.h>

/* Deeper or more than that is not looked at: a start may not take seconds. */
enum { DEPTH = 8, ENTRIES = 100000 };

struct search {
  unsigned int seen;
  unsigned int
    missed; /* sockets and FIFOs that could not be mounted, directories not looked into */
};

static void mount_one(struct search *s, int in, int out, char const *name)
{
  int tree = rk_open_tree(in, name, COPYUP_CLONE);

  if (tree == -1) {
    s->missed += errno != ENOENT;
    return;
  }
  if (rk_move_mount(tree, "", out, name, MOVE_MOUNT_F_EMPTY_PATH) == -1)
    s->missed += errno != ENOENT;
  close(tree);
}

static void look(struct search *s, int in, int out, unsigned int depth);

/* What may not be read, or is another file system, is the same for the overlay. */
static void look_below(struct search *s, int in, int out, char const *name, unsigned int depth)
{
  int below = copyup_open_dir(in, name);
  int over;

  if (below == -1)
    return;
  over = openat(out, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (over == -1 || depth == DEPTH) {
    s->missed++;
    close(below);
  } else {
    look(s, below, over, depth + 1);
  }
  if (over != -1)
    close(over);
}

/* Closes in. */
static void look(struct search *s, int in, int out, unsigned int depth)
{
  struct copyup_list list = {.fd = in};
  char const *name;
  unsigned char type;
  int r;

  while ((r = copyup_next(&list, &name, &type)) > 0) {
    s->seen++;
    if (s->seen > ENTRIES) {
      s->missed++;
      break;
    }
    if (type == DT_SOCK || type == DT_FIFO)
      mount_one(s, in, out, name);
    else if (type == DT_DIR)
      look_below(s, in, out, name, depth);
  }
  if (r == -1)
    s->missed++;
  close(in);
}

void copyup_special(struct copyup const *dir, int overlay)
{
  struct search s = {.seen = 0};
  int in = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (in == -1 && errno == EACCES)
    return; /* nobody can list it inside, either */
  if (in == -1)
    s.missed++;
  else
    look(&s, in, overlay, 0);
  if (s.missed)
    strerr_warnw(dir->path, ": some sockets or FIFOs below it lead nowhere");
}
