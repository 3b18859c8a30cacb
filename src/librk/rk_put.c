/* SPDX-License-Identifier: ISC */
#include <rk/put.h>

#include <errno.h>
#include <string.h>

#include <skalibs/allreadwrite.h>

#include <rk/text.h>

enum { ROOM = RK_TEXT_STEP + 2 }; /* for one character, the newline, the terminator */

void rk_put_line(int fd, char const *s, size_t len)
{
  char buf[4096];
  struct rk_text t = rk_text_in(buf, sizeof buf);
  int e = errno;

  for (size_t i = 0; i < len;) {
    if (t.size - t.len <= ROOM) {
      allwrite(fd, t.s, t.len);
      t.len = 0;
    }
    i += rk_text_safe_one(&t, s + i, len - i);
  }
  rk_text_str(&t, "\n");
  allwrite(fd, t.s, t.len);
  errno = e;
}

void rk_put_lines(int fd, char const *s, size_t len)
{
  while (len) {
    char const *end = memchr(s, '\n', len);
    size_t n = end ? (size_t)(end - s) : len;
    rk_put_line(fd, s, n);
    if (end)
      n++;
    s += n;
    len -= n;
  }
}
