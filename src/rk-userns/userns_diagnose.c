/* SPDX-License-Identifier: ISC */
#include "userns_diagnose.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <linux/capability.h>

#include <skalibs/strerr.h>

#include <rk/caps.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/proc.h>
#include <rk/text.h>

static char const what[] = "unable to create a user namespace";

static int sysctl_is(char const *path, char const *value)
{
  char buf[32];

  if (rk_slurp(path, buf, sizeof buf) == -1)
    return 0;
  return !strcmp(buf, value);
}

/* A profile is found by the path of the program as the kernel sees it. */
static void apparmor(char const *text) __attribute__((noreturn));
static void apparmor(char const *text)
{
  char self[PATH_MAX];
  char fix[PATH_MAX + 256];
  struct rk_text t = rk_text_in(fix, sizeof fix);
  ssize_t r = readlink("/proc/self/exe", self, sizeof self);

  rk_text_str(&t, "let AppArmor allow it: write \"abi <abi/4.0>, profile rk-userns ");
  if (r > 0)
    rk_text_mem(&t, self, (size_t)r);
  rk_text_str(&t, " flags=(unconfined) { userns, }\" to /etc/apparmor.d/rk-userns and run"
                  " apparmor_parser -r on it, or set "
                  "kernel.apparmor_restrict_unprivileged_userns=0");
  rk_die_host("U3", fix, text);
}

static int is_filtered(void)
{
  char seccomp[8];

  return rk_proc_status("Seccomp", seccomp, sizeof seccomp) > 0 && seccomp[0] != '0';
}

void userns_die(int e)
{
  if (e == EPERM && sysctl_is("/proc/sys/kernel/unprivileged_userns_clone", "0"))
    rk_die_host("U1", "set kernel.unprivileged_userns_clone=1", what,
                ": kernel.unprivileged_userns_clone is 0");
  if ((e == ENOSPC || e == EUSERS) && sysctl_is("/proc/sys/user/max_user_namespaces", "0"))
    rk_die_host("U5", "set user.max_user_namespaces=28633", what,
                ": user.max_user_namespaces is 0");
  if (e == ENOSPC || e == EUSERS)
    rk_die_host("U5", "raise user.max_user_namespaces, or nest less deeply (32 levels)", what,
                ": there are too many, or they are nested too deeply");
  if ((e == EPERM || e == EACCES) &&
      sysctl_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
    apparmor(
      "unable to create a user namespace: AppArmor restricts it to programs that have a profile");
  if (e == EACCES)
    rk_die_host("U3",
                "let the policy of the security module (SELinux: user_namespace create) allow it "
                "for rk-userns",
                what, ": a security module forbids it");
  if (e == EPERM && (getuid() == 65534 || getgid() == 65534))
    strerr_dief(RK_EXIT_USAGE, what,
                ": the ids here are not mapped: put rk-idmap before a second rk-userns");
  if ((e == EPERM || e == ENOSYS) && is_filtered())
    rk_die_host(
      "U2", "let the outer container's seccomp profile allow unshare, mount, setns and pivot_root",
      what, ": a seccomp filter forbids it");
  if (e == EPERM)
    rk_die_host("U2", "leave the chroot, or start from a process whose ids are mapped", what,
                ": not permitted (in a chroot?)");
  if ((e == EINVAL || e == ENOSYS) && access("/proc/self/ns/user", F_OK) == -1 &&
      access("/proc/self/stat", F_OK) == 0)
    rk_die_host("U6",
                "use a kernel with CONFIG_USER_NS (RHEL 7: boot with user_namespace.enable=1)",
                what, ": this kernel has none");
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, "create a user namespace");
}

/* Ubuntu's restriction lets the namespace be created and moves the process into the profile
   "unprivileged_userns", which refuses every use of a capability although all show as effective:
   mount(2) would be the first to fail, and not say why. */
void userns_check(void)
{
  char label[64];
  static int const needed[] = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID};
  int all = rk_caps_effective(needed, sizeof needed / sizeof needed[0]);

  if (all == -1)
    strerr_diefusys(RK_EXIT_SYS, "read the capabilities");
  if (!all)
    apparmor("unable to use the new user namespace: it came without capabilities (AppArmor?)");
  if (rk_slurp("/proc/self/attr/current", label, sizeof label) > 0 &&
      !strncmp(label, "unprivileged_userns", 19))
    apparmor("unable to use the new user namespace: AppArmor's profile unprivileged_userns refuses "
             "its capabilities");
}
