/* SPDX-License-Identifier: ISC
   Landlock by its three system calls (landlock(7)), which have one number on all architectures. */
#include <rk/landlock.h>

#include <stddef.h>
#include <unistd.h>
#include <sys/syscall.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum { VERSION = 1 /* LANDLOCK_CREATE_RULESET_VERSION */, RULE_PATH = 1, RULE_PORT = 2 };

struct ruleset {
  uint64_t files;
  uint64_t net; /* ABI 4 */
};

struct path_rule {
  uint64_t rights;
  int32_t fd;
} __attribute__((packed));

struct port_rule {
  uint64_t rights;
  uint64_t port;
};

int rk_landlock_abi(void)
{
  return (int)syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, VERSION);
}

uint64_t rk_landlock_files(int abi)
{
  uint64_t rights = (1ULL << 13) - 1;

  if (abi >= RK_LANDLOCK_REFER)
    rights |= 1ULL << 13;
  if (abi >= RK_LANDLOCK_TRUNCATE)
    rights |= 1ULL << 14;
  if (abi >= RK_LANDLOCK_IOCTL)
    rights |= 1ULL << 15;
  return rights;
}

int rk_landlock_ruleset(uint64_t files, uint64_t net)
{
  struct ruleset const r = {.files = files, .net = net};

  /* A kernel before ABI 4 knows the first field only. */
  return (int)syscall(SYS_landlock_create_ruleset, &r,
                      net ? sizeof r : offsetof(struct ruleset, net), 0);
}

int rk_landlock_path(int ruleset, uint64_t rights, int fd)
{
  struct path_rule const r = {.rights = rights, .fd = fd};

  return (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &r, 0);
}

int rk_landlock_port(int ruleset, uint64_t rights, uint16_t port)
{
  struct port_rule const r = {.rights = rights, .port = port};

  return (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &r, 0);
}

int rk_landlock_enter(int ruleset)
{
  return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}
