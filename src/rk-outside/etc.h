/* SPDX-License-Identifier: ISC
   resolv.conf and hosts of a chain: etc.c writes them, etc_watch.c follows the host's. */
#ifndef OUTSIDE_ETC_H
#define OUTSIDE_ETC_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <rk/ctl.h>
#include <rk/loop.h>
#include <rk/notify.h>

enum { ETC_RESOLV, ETC_HOSTS, ETC_FILES };

struct etc;
struct sink;

struct etc_file {
  char const *name, *host; /* "hosts", "/etc/hosts" */
  void (*compose)(struct etc *etc, struct sink *sink);
  uint64_t hash; /* of what was written last */
  int written;
  int fd;          /* RK_ETC_INPLACE: the inner file, O_PATH */
  struct stat was; /* the inner file as we left it */
};

struct etc {
  struct rk_net_plan const *plan;
  struct report const *report;
  pid_t chain; /* the chain's process: its ids are those of root inside */
  int userns;  /* fd of the user namespace of that root */
  int state;   /* fd of the state directory, -1: none */
  uint32_t mode;
  int dir;              /* RK_ETC_REPLACE: the inner /etc */
  uint64_t nameservers; /* hash of the host's, as resolv.conf was composed last */
  int deaf;             /* boolean: the host has some, and none of them is listed */
  struct etc_file file[ETC_FILES];
};

/* Write both, to the state directory and to the /etc that the process `inside` has, by mode (enum
   rk_etc). 0, or -1 with errno and *what. */
int etc_start(struct etc *etc, uint32_t mode, pid_t inside, char const **what);

/* Has etc_start written them? */
int etc_started(struct etc const *etc);

/* Write one again if its content would be another. 0, or -1 with errno. */
int etc_update(struct etc *etc, struct etc_file *file);

/* FNV-1a, of names and contents. */
uint64_t etc_hash(char const *s, size_t n);

enum { ETC_WATCHES = 64 };

struct etc_watch {
  struct etc *etc;
  struct rk_loop *loop;
  void (*nameservers_changed)(void *ctx); /* of the host */
  void *ctx;
  struct rk_notify notify;
  struct rk_watch ready;
  struct rk_timer settle;
  unsigned int n;
  struct {
    int wd;
    uint64_t name; /* hash of the name that counts in that directory, 0: any event does */
  } watched[ETC_WATCHES];
};

/* Follow the host's files from now on, what has changed since etc_start included. The caller has
   set the first four. Not before the program may start: it costs a third of a millisecond. */
void etc_watch_start(struct etc_watch *watch);

#endif
