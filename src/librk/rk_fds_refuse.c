/* SPDX-License-Identifier: ISC */
#include <rk/fds.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/listen.h>
#include <rk/text.h>

struct found {
  char const *keep;
  unsigned int what;
  uint64_t own;
  int first;           /* the first that leads out, -1: none */
  char const *is;      /* what that is */
  struct rk_text list; /* all of them */
};

static int note_leading(int fd, void *data)
{
  struct found *f = data;
  char const *is;

  if (rk_fds_listed(f->keep, fd) || rk_listen_made(fd))
    return 0;
  is = rk_fd_leads(fd, f->what, f->own);
  if (!is)
    return 0;
  if (f->first == -1) {
    f->first = fd;
    f->is = is;
  } else {
    rk_text_str(&f->list, ",");
  }
  rk_text_num(&f->list, fd);
  return 0;
}

void rk_fds_refuse(char const *keep, unsigned int what, uint64_t own)
{
  char list[512], number[16];
  struct rk_text n = rk_text_in(number, sizeof number);
  struct found f = {
    .keep = keep,
    .what = what,
    .own = own,
    .first = -1,
    .list = rk_text_in(list, sizeof list),
  };

  if (rk_fds_each(note_leading, &f) == -1)
    strerr_diefusys(RK_EXIT_SYS, "list /proc/self/fd");
  if (f.first == -1)
    return;
  rk_text_num(&n, f.first);
  strerr_dief(RK_EXIT_USAGE, "inherited fd ", number, " is ", f.is,
              ", through which prog could reach the outside: "
              "close it, or keep it with -f ",
              f.list.cut ? "all" : list);
}
