/* SPDX-License-Identifier: ISC
   How prog learns which sockets it has. */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdint.h>

enum { SOCKETS_MAX = 1024 };

struct socket {
  int fd;
  uint16_t name; /* the port number that the spec gives it inside */
};

struct sockets {
  int from; /* the first one's fd; 0: in the place of stdin, otherwise it must be free */
  int max;
  int n;
  struct socket list[SOCKETS_MAX];
};

/* The forms that -e chose. */
struct listen_forms {
  unsigned int chosen; /* bits: places in the table of forms.c */
};

/* Add the form of this name. Dies (100) if there is none. */
void listen_form(struct listen_forms *forms, char const *name);

/* No -e: the form listen. Where the sockets begin, and how many there may be. Dies (100) if forms
   exclude one another. */
void listen_forms_end(struct listen_forms *forms, struct sockets *s);

/* Set the variables of all chosen forms. */
void listen_tell(struct listen_forms const *forms, struct sockets const *s);

/* setenv(3), or die. */
void listen_setenv(char const *name, char const *value);

#endif
