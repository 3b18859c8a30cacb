/* SPDX-License-Identifier: ISC */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <rk/proc.h>
#include <rk/text.h>

enum { TEXT = 1024 };

static void file(struct report *r, char const *what, char const *path)
{
  char text[TEXT];
  struct rk_text t = rk_text_in(text, sizeof text);

  if (access(path, F_OK) == -1)
    return;
  rk_text_add(&t, path, " exists");
  report_place(r, what, text);
}

/* systemd writes the container's kind there (systemd's CONTAINER_INTERFACE). */
static void container(struct report *r)
{
  char kind[64];
  char const *env = getenv("container");

  if (rk_slurp("/run/systemd/container", kind, sizeof kind) > 0)
    report_place(r, kind, "by /run/systemd/container");
  else if (env && *env)
    report_place(r, env, "by the variable container");
}

static void kernel(struct report *r)
{
  char text[TEXT];

  if (rk_slurp("/proc/version", text, sizeof text) == -1)
    return;
  if (strcasestr(text, "microsoft"))
    report_place(r, "wsl", text);
  /* gVisor's version text is fixed (pkg/sentry/kernel, VERSION) */
  if (strstr(text, "gvisor") || strstr(text, "#1 SMP Sun Jan 10 15:06:54 PST 2016"))
    report_place(r, "gvisor", text);
}

/* All ids are mapped to themselves in the first user namespace (user_namespaces(7)). */
static void nested(struct report *r)
{
  char const *dir = getenv("RK_STATE_DIR");
  char text[TEXT];
  unsigned long field[3] = {0};
  char *end = text;

  if (dir)
    report_place(r, "chain", dir);
  if (rk_slurp("/proc/self/uid_map", text, sizeof text) == -1)
    return;
  for (size_t i = 0; i < 3; i++)
    field[i] = strtoul(end, &end, 10);
  if (field[0] == 0 && field[1] == 0 && field[2] == 4294967295UL)
    return;
  text[strcspn(text, "\n")] = 0;
  report_place(r, "user-namespace", *text ? text : "no id is mapped");
}

static void status_is(struct report *r, char const *key, char const *value, char const *what,
                      char const *evidence)
{
  char text[32];

  if (rk_proc_status(key, text, sizeof text) > 0 && !strcmp(text, value))
    report_place(r, what, evidence);
}

static void label(struct report *r)
{
  char text[TEXT];

  if (rk_slurp("/proc/self/attr/apparmor/current", text, sizeof text) <= 0 &&
      rk_slurp("/proc/self/attr/current", text, sizeof text) <= 0)
    return;
  text[strcspn(text, "\n")] = 0;
  if (*text && strcmp(text, "unconfined"))
    report_place(r, "security-module", text);
}

void check_place(struct report *r)
{
  file(r, "docker", "/.dockerenv");
  file(r, "podman", "/run/.containerenv");
  file(r, "lxc", "/dev/.lxc-boot-id");
  file(r, "kubernetes", "/var/run/secrets/kubernetes.io");
  if (getenv("KUBERNETES_SERVICE_HOST"))
    report_place(r, "kubernetes", "the variable KUBERNETES_SERVICE_HOST is set");
  container(r);
  kernel(r);
  nested(r);
  status_is(r, "NoNewPrivs", "1", "no-new-privs",
            "no_new_privs is set: newuidmap has no privilege");
  status_is(r, "Seccomp", "2", "seccomp", "a seccomp filter is installed");
  label(r);
}
