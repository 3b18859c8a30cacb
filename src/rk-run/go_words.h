/* SPDX-License-Identifier: ISC
   The words in which Go's libraries speak of strings, errors and exits: callers of the peer see them. */
#ifndef GO_WORDS_H
#define GO_WORDS_H

#include <stddef.h>

/* s as Go's %q prints it (ASCII escapes; bytes from 0x80 as they are). Returns out. */
char *go_quote(char const *s, char *out, size_t size);

/* The last words of an exit, as Go prints them: "exit status 3", "signal: killed (core dumped)". */
char const *go_status(int wstat);

/* Go's words for an errno and for a signal. */
char const *go_errno(int e);

#endif
