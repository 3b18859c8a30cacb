/* SPDX-License-Identifier: ISC
   The tap of the chain, opened by a child that enters the chain's namespaces for that, and is gone.
   The driver itself stays outside. */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <skalibs/ancil.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/sys.h>

/* What the child sends beside the tap, or instead of it. */
enum step { ENTER = 'e', OPEN = 'o', ATTACH = 'a', OPENED = '+' };

static void fail(int socket, char step)
{
  struct {
    char step;
    int error;
  } const say = {step, errno};

  _exit(write(socket, &say, sizeof say) == sizeof say ? 1 : 2);
}

/* In the child. Of what is ours it has the namespaces, /dev/net/tun and this socket: not dumpable
   there, and with memory of the outer user namespace, it is out of reach of root inside
   (ptrace(2)). */
static void visit(int userns, int netns, int socket, char const *ifname)
{
  struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  int tap;

  if (dup2(userns, 0) == -1 || dup2(netns, 1) == -1 || dup2(socket, 2) == -1)
    _exit(2);
  rk_close_range(3, UINT_MAX, 0);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || setns(0, CLONE_NEWUSER) == -1)
    fail(2, ENTER);
  /* Capabilities gained in another user's namespace undo it where fs.suid_dumpable is 1
     (cred_cap_issubset, kernel/cred.c): root inside may have us by now. */
  if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1) {
    errno = EPERM;
    fail(2, ENTER);
  }
  if (setns(1, CLONE_NEWNET) == -1)
    fail(2, ENTER);
  tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (tap == -1)
    fail(2, OPEN);
  memcpy(ifr.ifr_name, ifname, strlen(ifname));
  if (ioctl(tap, TUNSETIFF, &ifr) == -1)
    fail(2, ATTACH);
  _exit(ancil_send_fd(2, tap, OPENED) ? 0 : 2);
}

static void __attribute__((noreturn)) die(int socket, char const *ifname)
{
  struct {
    char step;
    int error;
  } say;

  if (read(socket, &say, sizeof say) != sizeof say)
    strerr_dief(RK_EXIT_SYS, "the child that opens the tap was killed");
  errno = say.error;
  if (say.step == ENTER)
    strerr_diefusys(RK_EXIT_SYS, "enter the chain's namespaces");
  if (say.step == OPEN)
    strerr_diefusys(RK_EXIT_SYS, "open /dev/net/tun");
  strerr_diefusys(RK_EXIT_SYS, "attach to the interface ", ifname);
}

int driver_tap(void)
{
  char const *ifname = driver_plan("RK_NET_IFNAME");
  int sockets[2], status, tap = -1;
  pid_t pid;

  if (strlen(ifname) >= IF_NAMESIZE)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_NET_IFNAME");
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a pair of sockets");
  pid = fork();
  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (!pid)
    visit(USERNS, NETNS, sockets[1], ifname);
  close(sockets[1]);
  if (waitpid(pid, &status, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait for a child");
  if (WIFEXITED(status) && !WEXITSTATUS(status))
    tap = ancil_recv_fd(sockets[0], OPENED);
  if (tap == -1)
    die(sockets[0], ifname);
  close(sockets[0]);
  if (fcntl(tap, F_SETFD, FD_CLOEXEC) == -1)
    strerr_diefusys(RK_EXIT_SYS, "set close-on-exec");
  return tap;
}
