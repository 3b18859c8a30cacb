/* SPDX-License-Identifier: ISC
   The words in which Go's libraries speak of strings, errors and exits: programs that call
   RootlessKit read them. */
#ifndef COMPAT_GO_H
#define COMPAT_GO_H

#include <stddef.h>
#include <stdint.h>

/* s as Go's %q prints it: rk_text_quote. Cut to size (at least 3), but then it still ends with a
   quote. Returns out. */
char *go_quote(char const *s, char *out, size_t size);

/* Go's strconv.Atoi. 0 and *n, or -1 with Go's words in err. */
int go_atoi(char const *s, int64_t *n, char *err, size_t errsize);

/* The last words of an exit, as Go prints them: "exit status 3", "signal: killed (core dumped)". */
char const *go_status(int wstat);

/* Go's words for an errno and for a signal. */
char const *go_errno(int e);

#endif
