/* SPDX-License-Identifier: ISC
   The parts of rk-check: each looks at one side of the host and says what it found, by the ids of
   rk-host-settings(7). Nothing here changes the host. */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>

/* What rk-host-settings(7) says of one id. */
struct page {
  char const *id; /* "" ends the table */
  char const *section;
  char const *text;
  char const *fix;
};
extern struct page const PAGE[];

/* The entry of id, or NULL. */
struct page const *page_of(char const *id);

enum verdict {
  CHECK_OK,
  CHECK_NO,      /* the host lacks what every chain needs */
  CHECK_LACKS,   /* it lacks what only some programs or options need */
  CHECK_UNKNOWN, /* it could not be tried, or only a running chain can tell */
};

/* One answer; texts are quoted where they are printed. */
struct answer {
  char const *id;
  enum verdict verdict;
  char const *text; /* what was seen */
  char const *fix;  /* NULL: none */
};

/* Where answers go. */
struct report {
  int json;
  int lacking;   /* boolean: something was CHECK_NO */
  char told[64]; /* boolean for each entry of PAGE: it has had an answer */
};

/* print.c: to stdout; dies if that fails. */
void report_answer(struct report *r, struct answer const *a);
void report_ok(struct report *r, char const *id, char const *text);
void report_lacks(struct report *r, char const *id, char const *text, char const *fix);
void report_no(struct report *r, char const *id, char const *text, char const *fix);
void report_unknown(struct report *r, char const *id, char const *text);
/* A line about the place, or about a chain or port, that has no id. */
void report_place(struct report const *r, char const *what, char const *evidence);
void report_state(struct report *r, char const *kind, char const *name, enum verdict verdict,
                  char const *text);
/* All ids that no part has answered. */
void report_rest(struct report *r);
void explain(struct page const *p, int json);

/* trial.c: the links themselves, tried in a child, as far as a chain without a network driver
   goes. */
void check_chain(struct report *r);

/* place.c: is this a container, a virtual kernel, another chain; what confines this process? */
void check_place(struct report *r);

/* The rest reads files. */
void check_kernel(struct report *r);  /* kernel.c: features and sysctls */
void check_devices(struct report *r); /* devices.c */
void check_session(struct report *r); /* session.c: the user's directories and control group */
void check_network(struct report *r); /* network.c */

/* dir.c: a chain and its ports, by its state directory. */
void check_dir(struct report *r, char const *dir);

#endif
