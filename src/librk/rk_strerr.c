/* SPDX-License-Identifier: ISC
   The four functions that all of strerr.h's macros call (skalibs 2.13 to 2.15), in the place of
   skalibs' own: a message is escaped as of rk_text_safe, so that no name, file or answer in it can
   write a line of its own or talk to the terminal; and it is one write(2) where it fits the buffer,
   so that lines of several processes do not mix. All four are here: one that came from the library
   would bring the rest. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/text.h>

enum { ROOM = RK_TEXT_STEP + 2 }; /* for one character, the newline, the terminator */

static void flush(struct rk_text *t)
{
  allwrite(2, t->s, t->len);
  t->len = 0;
}

static void part(struct rk_text *t, char const *s)
{
  size_t len = s ? strlen(s) : 0;

  for (size_t i = 0; i < len;) {
    if (t->size - t->len <= ROOM)
      flush(t);
    i += rk_text_safe_one(t, s + i, len - i);
  }
}

static void say(char const *const *texts, unsigned int n, char const *why)
{
  char buf[1024];
  struct rk_text t = rk_text_in(buf, sizeof buf);
  int e = errno;

  for (unsigned int i = 0; i < n; i++)
    part(&t, texts[i]);
  if (why) {
    part(&t, ": ");
    part(&t, why);
  }
  rk_text_str(&t, "\n");
  flush(&t);
  errno = e;
}

void strerr_warnv(char const *const *texts, unsigned int n)
{
  say(texts, n, NULL);
}

void strerr_warnvsys(char const *const *texts, unsigned int n)
{
  say(texts, n, strerror(errno));
}

void strerr_diev(int code, char const *const *texts, unsigned int n)
{
  strerr_warnv(texts, n);
  _exit(code);
}

/* inotify_init(2), whose EMFILE is of another limit, has a message of its own. */
void strerr_dievsys(int code, char const *const *texts, unsigned int n)
{
  int few = errno == EMFILE && code == RK_EXIT_SYS;

  strerr_warnvsys(texts, n);
  if (!few)
    _exit(code);
  /* rk-host-settings(7) */
  strerr_diev(RK_EXIT_HOST, (char const *const[]){PROG, ": info: N15: raise RLIMIT_NOFILE"}, 2);
}
