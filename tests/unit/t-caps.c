/* SPDX-License-Identifier: ISC
   rk_caps, in a user namespace that the test makes: there any user has all capabilities. The
   kernel's view is /proc/self/status. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <linux/capability.h>

#include <rk/caps.h>
#include <rk/proc.h>

static int const two[] = {CAP_NET_RAW, CAP_NET_ADMIN};
#define TWO "0000000000003000"
#define NONE "0000000000000000"

static void set_is(char const *key, char const *want, char const *what)
{
  char got[64];

  if (rk_proc_status(key, got, sizeof got) == -1)
    strcpy(got, "?");
  is_str(got, want, what);
}

static void same_sets(char const *a, char const *b, char const *what)
{
  char first[64], second[64];

  if (rk_proc_status(a, first, sizeof first) == -1 ||
      rk_proc_status(b, second, sizeof second) == -1)
    strcpy(second, "?");
  is_str(first, second, what);
}

static void sets(void)
{
  is_num(rk_caps_effective(two, 2), 1, "a new user namespace gives capabilities");
  is_num(rk_caps_raise(), 0, "they are raised");
  same_sets("CapInh", "CapPrm", "all that are permitted are inheritable");
  same_sets("CapAmb", "CapPrm", "and ambient");
  is_num(rk_caps_settle(), 0, "they are settled");
  set_is("CapInh", NONE, "none is inheritable");
  set_is("CapAmb", NONE, "none is ambient");
  is_num(rk_caps_effective(two, 2), 1, "and they are still effective");
  rk_caps_raise();
  is_num(rk_caps_empty_bound(), 0, "the bounding set is emptied");
  set_is("CapBnd", NONE, "none is in it");
  is_num(rk_caps_keep(two, 2), 0, "two are kept");
  set_is("CapEff", TWO, "effective");
  set_is("CapPrm", TWO, "and permitted");
  set_is("CapInh", NONE, "none is inheritable");
  set_is("CapAmb", NONE, "none is ambient");
  is_num(rk_caps_effective(two, 2), 1, "the two are effective");
  is_num(rk_caps_effective((int const[]){CAP_NET_RAW, CAP_SYS_ADMIN}, 2), 0,
         "not one that is kept and one that is not");
  ok(rk_caps_empty_bound() == -1 && errno == EPERM,
     "without CAP_SETPCAP the bounding set cannot be emptied");
  ok(rk_caps_keep((int const[]){CAP_SYS_ADMIN}, 1) == -1 && errno == EPERM,
     "what is gone cannot be kept");
  is_num(rk_caps_keep(two, 2), 0, "what is there can be kept again");
}

static void none(void)
{
  is_num(rk_caps_keep(NULL, 0), 0, "none is kept");
  set_is("CapPrm", NONE, "none is permitted");
}

static void put(char const *path, char const *text)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);

  if (fd == -1 || write(fd, text, strlen(text)) == -1)
    _exit(111);
  close(fd);
}

/* A user namespace in which this user and group are root. */
static void become_root(void)
{
  char uids[32], gids[32];

  snprintf(uids, sizeof uids, "0 %u 1\n", (unsigned int)getuid());
  snprintf(gids, sizeof gids, "0 %u 1\n", (unsigned int)getgid());
  if (unshare(CLONE_NEWUSER) == -1)
    _exit(111);
  put("/proc/self/uid_map", uids);
  put("/proc/self/setgroups", "deny");
  put("/proc/self/gid_map", gids);
}

/* An attribute of version 2 as setcap(8) writes it; the kernel notes for which root it is. */
static void give(char const *path, unsigned int cap, int effective)
{
  struct vfs_cap_data x = {.magic_etc = VFS_CAP_REVISION_2 |
                                        (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0)};

  x.data[cap / 32].permitted = 1U << cap % 32;
  if (setxattr(path, "security.capability", &x, sizeof x, 0) == -1)
    perror("# setxattr");
}

static void file(char const *path)
{
  is_num(rk_caps_of_file(path, CAP_SETUID), 0, "a file without capabilities");
  give(path, CAP_SETUID, 1);
  is_num(rk_caps_of_file(path, CAP_SETUID), 1, "one that has it");
  is_num(rk_caps_of_file(path, CAP_SETGID), 0, "another it has not");
  give(path, CAP_SETUID, 0);
  is_num(rk_caps_of_file(path, CAP_SETUID), 0,
         "permitted only: the program would have to raise it");
  give(path, CAP_BPF, 1);
  is_num(rk_caps_of_file(path, CAP_BPF), 1, "one of the second word");
  ok(rk_caps_of_file("/nowhere", CAP_SETUID) == -1 && errno == ENOENT,
     "a file that is not there is an error");
}

/* Run part in a child in a user namespace of its own; the numbers of its checks go on here. */
static void in_namespace(void (*part)(void), char const *path)
{
  int status, p[2], counts[2];
  pid_t pid;

  if (pipe(p) == -1)
    _exit(111);
  pid = fork();
  if (!pid) {
    become_root();
    if (part)
      part();
    else
      file(path);
    counts[0] = tap_n;
    counts[1] = tap_bad;
    if (write(p[1], counts, sizeof counts) != sizeof counts)
      _exit(111);
    _exit(0);
  }
  close(p[1]);
  if (read(p[0], counts, sizeof counts) == sizeof counts) {
    tap_n = counts[0];
    tap_bad = counts[1];
  }
  close(p[0]);
  waitpid(pid, &status, 0);
  is_num(status, 0, "that process has ended well");
}

int main(void)
{
  char path[] = "/tmp/t-caps.XXXXXX";
  int fd = mkstemp(path);

  if (fd == -1)
    return 111;
  close(fd);
  in_namespace(sets, NULL);
  in_namespace(none, NULL);
  in_namespace(NULL, path);
  unlink(path);
  return tap_done();
}
