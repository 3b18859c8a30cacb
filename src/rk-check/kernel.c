/* SPDX-License-Identifier: ISC */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/types.h>

#include <rk/landlock.h>
#include <rk/mountinfo.h>
#include <rk/proc.h>
#include <rk/text.h>

/* The first number in a file, or -1. */
static long number(char const *path)
{
  char text[64];
  unsigned int n;

  if (rk_slurp(path, text, sizeof text) == -1 || !uint_scan(text, &n))
    return -1;
  return (long)n;
}

static void landlock(struct report *r)
{
  int abi = rk_landlock_abi();

  if (abi == -1) {
    report_lacks(r, "L1", "the kernel has no Landlock, or it is switched off (rk-confine needs it)",
                 page_of("L1")->fix);
    report_unknown(r, "L2", "there is no Landlock");
    return;
  }
  report_ok(r, "L1", "the kernel has Landlock");
  if (abi < RK_LANDLOCK_NET)
    report_lacks(r, "L2", "the kernel's Landlock does not know sockets (rk-confine needs that)",
                 page_of("L2")->fix);
  else
    report_ok(r, "L2", "the kernel's Landlock knows sockets");
}

static void dumpable(struct report *r)
{
  if (number("/proc/sys/fs/suid_dumpable") == 1)
    report_no(r, "U8",
              "fs.suid_dumpable is 1: a process that changes its ids becomes readable for others",
              "sysctl fs.suid_dumpable=0");
  else
    report_ok(r, "U8", "fs.suid_dumpable is not 1");
}

static void memfd(struct report *r)
{
  if (number("/proc/sys/vm/memfd_noexec") == 2)
    report_no(r, "D12", "vm.memfd_noexec is 2: no program can be executed from memory",
              "sysctl vm.memfd_noexec=1");
  else
    report_ok(r, "D12", "programs in memory are allowed");
}

/* proc_key-users(5): "UID: USAGE NKEYS/NIKEYS QNKEYS/MAXKEYS QNBYTES/MAXBYTES", for those who have
   keys. */
static int keys_left(unsigned long uid, char *line)
{
  unsigned long value[4];
  char *s;
  unsigned long id = strtoul(line, &s, 10);

  if (id != uid || *s != ':')
    return 1;
  s = strchr(s, '/');
  if (!s)
    return 1;
  s = strchr(s, ' ');
  for (size_t i = 0; s && i < 4; i++) {
    while (*s == ' ' || *s == '/')
      s++;
    value[i] = strtoul(s, &s, 10);
  }
  return !s || (value[0] < value[1] && value[2] + 64 <= value[3]);
}

static void keys(struct report *r)
{
  char text[8192];
  int left = 1;

  if (rk_slurp("/proc/key-users", text, sizeof text) == -1)
    return;
  for (char *line = text, *next; *line; line = next) {
    size_t len = strcspn(line, "\n");
    next = line + len + (line[len] == '\n');
    line[len] = 0;
    left &= keys_left(getuid(), line + strspn(line, " "));
  }
  if (left)
    report_ok(r, "U9", "a key can be made for a chain");
  else
    report_no(r, "U9", "the user has reached the kernel's limit of keys",
              "raise kernel.keys.maxkeys and kernel.keys.maxbytes; or rk-userns -K");
}

/* Field 7 of mountinfo on: optional ones, "shared:N" among them, then "-". */
static int is_shared(struct rk_mountinfo *m)
{
  char *s = rk_mountinfo_field(m->line, 7);

  while (s && *s != '-') {
    if (!strncmp(s, "shared:", 7))
      return 1;
    s = rk_mountinfo_field(s, 2);
  }
  return 0;
}

static void root_mount(struct report *r)
{
  static struct rk_mountinfo m;
  int shared = 0;

  m.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (m.fd == -1)
    return;
  while (rk_mountinfo_next(&m) == 1) {
    char const *place = rk_mountinfo_field(m.line, 5);
    if (place && !strncmp(place, "/ ", 2))
      shared = is_shared(&m);
  }
  close(m.fd);
  if (shared)
    report_ok(r, "D11", "the root mount is shared");
  else
    report_lacks(r, "D11", "the root mount is private, so no mount made later is seen inside",
                 "mount --make-rshared /");
}

static void overlay(struct report *r)
{
  char text[4096];

  if (rk_slurp("/proc/filesystems", text, sizeof text) > 0 && strstr(text, "\toverlay\n"))
    report_ok(r, "D8", "the kernel has overlay");
  else
    report_lacks(r, "D8",
                 "the kernel has no overlay, or it is not loaded (rk-copyup -m overlay needs it)",
                 "modprobe overlay, or another mode of rk-copyup");
}

void check_kernel(struct report *r)
{
  dumpable(r);
  keys(r);
  landlock(r);
  overlay(r);
  root_mount(r);
  memfd(r);
}
