/* SPDX-License-Identifier: ISC */
#ifndef RK_PORTD_ERRTEXT_H
#define RK_PORTD_ERRTEXT_H

/* RootlessKit's (Go's) words for an errno; strerror's for those that have none here. */
char const *errtext(int e);

/* May it pass by itself: too little memory, too many open files, an interruption, an I/O error? */
int errno_passes(int e);

#endif
