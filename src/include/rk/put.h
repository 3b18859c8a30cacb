/* SPDX-License-Identifier: ISC
   Lines for people, made safe by rk_text_safe. */
#ifndef RK_PUT_H
#define RK_PUT_H

#include <stddef.h>

/* s as one line on fd, whatever it holds: in one write(2) where 4 KiB are enough, so that lines of
   several processes do not mix. What cannot be written is lost: errno stays as it is. */
void rk_put_line(int fd, char const *s, size_t len);

/* Each line of s (a log of several) as one line on fd. */
void rk_put_lines(int fd, char const *s, size_t len);

#endif
