/* SPDX-License-Identifier: ISC */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

#include <rk/proc.h>
#include <rk/text.h>

/* S3, and S1's and S2's fix, speak of this one. */
static void user_dir(struct report *r)
{
  char dir[64];
  struct rk_text t = rk_text_in(dir, sizeof dir);

  rk_text_str(&t, "/run/user/");
  rk_text_num(&t, getuid());
  if (access(dir, X_OK) == 0) {
    report_ok(r, "S3", dir);
    return;
  }
  rk_text_str(&t, " does not exist");
  report_lacks(r, "S3", dir, "loginctl enable-linger USER");
}

static void runtime_dir(struct report *r)
{
  char const *dir = getenv("XDG_RUNTIME_DIR");
  struct stat st;

  if (!dir || !*dir) {
    report_lacks(r, "S1", "XDG_RUNTIME_DIR is not set",
                 "log in with a session (not by su), or loginctl enable-linger USER");
    report_unknown(r, "S2", "XDG_RUNTIME_DIR is not set");
    return;
  }
  report_ok(r, "S1", "XDG_RUNTIME_DIR is set");
  if (stat(dir, &st) == -1 || st.st_uid == getuid())
    report_ok(r, "S2", "XDG_RUNTIME_DIR is no other user's");
  else
    report_lacks(r, "S2", "XDG_RUNTIME_DIR belongs to another user", "unset it after su or sudo");
}

/* The line "0::PATH" of /proc/self/cgroup (cgroups(7)). */
static int own_group(char *path, size_t size)
{
  char text[4096];
  char *line;
  struct rk_text t = rk_text_in(path, size);

  if (rk_slurp("/proc/self/cgroup", text, sizeof text) == -1)
    return -1;
  line = strncmp(text, "0::", 3) ? strstr(text, "\n0::") : text;
  if (!line)
    return -1;
  line += line == text ? 3 : 4;
  line[strcspn(line, "\n")] = 0;
  rk_text_add(&t, "/sys/fs/cgroup", line);
  return t.cut ? -1 : 0;
}

static void controllers(struct report *r, char const *group)
{
  static char const *const wanted[] = {"cpu", "io", "memory", "pids"};
  char path[4200];
  char have[256];
  char text[128];
  struct rk_text t = rk_text_in(path, sizeof path);
  struct rk_text missing = rk_text_in(text, sizeof text);

  rk_text_add(&t, group, "/cgroup.controllers");
  if (rk_slurp(path, have + 1, sizeof have - 2) == -1)
    return;
  have[0] = ' ';
  have[strlen(have) + 1] = 0;
  have[strlen(have)] = ' ';
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    char word[16];
    struct rk_text w = rk_text_in(word, sizeof word);
    rk_text_add(&w, " ", wanted[i], " ");
    if (!strstr(have, word))
      rk_text_add(&missing, " ", wanted[i]);
  }
  if (!missing.len) {
    report_ok(r, "S5", "the control group has the controllers cpu, io, memory and pids");
    return;
  }
  rk_text_str(&missing, " are not delegated (limits of containers need them)");
  report_lacks(r, "S5", text + 1, page_of("S5")->fix);
}

static void cgroups(struct report *r)
{
  char group[4160];
  struct statfs fs;
  struct stat st;

  if (statfs("/sys/fs/cgroup", &fs) == -1 || (unsigned long)fs.f_type != CGROUP2_SUPER_MAGIC) {
    report_lacks(r, "S6",
                 "/sys/fs/cgroup is not cgroup2 (rk-cgroup and limits of containers need it)",
                 page_of("S6")->fix);
    report_unknown(r, "S5", "there is no cgroup2");
    report_unknown(r, "S7", "there is no cgroup2");
    return;
  }
  report_ok(r, "S6", "/sys/fs/cgroup is cgroup2");
  if (own_group(group, sizeof group) == -1 || stat(group, &st) == -1)
    return;
  controllers(r, group);
  if (st.st_uid == getuid() || access(group, W_OK) == 0)
    report_ok(r, "S7", "this process's control group is delegated to the user");
  else
    report_lacks(r, "S7", "this process's control group is not delegated (rk-cgroup needs that)",
                 page_of("S7")->fix);
}

static void files(struct report *r)
{
  enum { PORTS = 64 };
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
    return;
  if (limit.rlim_cur >= PORTS)
    report_ok(r, "N15", "64 open files or more are allowed");
  else
    report_no(r, "N15", "fewer than 64 open files are allowed", "raise RLIMIT_NOFILE");
}

void check_session(struct report *r)
{
  runtime_dir(r);
  user_dir(r);
  cgroups(r);
  files(r);
}
