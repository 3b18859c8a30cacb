/* SPDX-License-Identifier: ISC
   rk-t-portd: the smallest rk-portd: for tests and benchmarks of rk-relay without the rest.

   rk-t-portd [-i IFNAME] [-g GATEWAY4] [-n DNS4] RELAY PID|NETNS-FILE [SPEC...]
     SPEC:
     tcp|udp,LISTENADDR,PORT,DESTADDR,DESTPORT[,COUNT][,require|prefer|no|plain][,refuse][,idle=N]
     [,wait=N|forever]
   Binds, starts RELAY in the namespace of PID, hands the sockets over, writes "ready RELAYPID" and
   then obeys stdin, one answer a line:
     stats | del ID | add SPEC | close (the control socket: a dead rk-portd) | quit
   ids count from 1. Its end is the relay's only if the relay has no connection left. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <rk/relay.h>
#include <rk/sys.h>

static int control;
static uint32_t id;
static uint32_t owner[65536]; /* of each fd: the id it was made for */

static void die(char const *what)
{
  fprintf(stderr, "rk-t-portd: fatal: %s: %s\n", what, strerror(errno));
  exit(111);
}

static socklen_t address(struct sockaddr_storage *a, char const *s, int port)
{
  struct sockaddr_in *v4 = (void *)a;
  struct sockaddr_in6 *v6 = (void *)a;

  memset(a, 0, sizeof *a);
  if (inet_pton(AF_INET, s, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    return sizeof *v4;
  }
  if (inet_pton(AF_INET6, s, &v6->sin6_addr) != 1)
    errno = EINVAL, die(s);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons((uint16_t)port);
  return sizeof *v6;
}

static int bound(int type, char const *host, int port, int reuse)
{
  struct sockaddr_storage a;
  socklen_t len = address(&a, host, port);
  int on = 1, off = 0, fd = socket(a.ss_family, type | SOCK_CLOEXEC, 0);

  if (fd == -1)
    die("socket");
  if (reuse)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (a.ss_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(fd, (struct sockaddr *)&a, len) == -1)
    die("bind");
  if (type == SOCK_STREAM && listen(fd, 4096) == -1)
    die("listen");
  return fd;
}

static void request(void const *message, size_t len, int const *fds, size_t n)
{
  union {
    struct cmsghdr h;
    char room[CMSG_SPACE(RK_RELAY_FDS_MAX * sizeof(int))];
  } c;
  struct iovec v = {(void *)message, len};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

  if (n) {
    memset(&c, 0, sizeof c);
    c.h.cmsg_level = SOL_SOCKET;
    c.h.cmsg_type = SCM_RIGHTS;
    c.h.cmsg_len = (socklen_t)CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(&c.h), fds, n * sizeof(int));
    m.msg_control = &c;
    m.msg_controllen = (socklen_t)CMSG_SPACE(n * sizeof(int));
  }
  if (sendmsg(control, &m, MSG_NOSIGNAL) == -1)
    die("send to the relay");
}

static void reply(void *r, size_t len)
{
  if (recv(control, r, len, 0) != (ssize_t)len)
    die("the relay is gone");
}

static int verdict(char const *what)
{
  struct rk_relay_say say;

  reply(&say, sizeof say);
  if (say.error)
    printf("%s: %s %s\n", what, say.text, strerror(say.error));
  if (what[0] == 's' && (say.srcip4 || say.srcip6))
    printf("srcip %d %d\n", say.srcip4, say.srcip6);
  return say.error;
}

static int add(char *spec)
{
  struct rk_relay_add a = {.head = {RK_RELAY_VERSION, RK_RELAY_ADD}, .id = ++id};
  struct sockaddr_storage dest;
  char *word[6], *rest = 0, *s;
  static int fds[65536];
  unsigned int count = 1;
  int n = 0;

  for (s = strtok_r(spec, ",", &rest); s && n < 5; s = strtok_r(0, ",", &rest))
    word[n++] = s;
  if (n < 5)
    errno = EINVAL, die("spec");
  for (; s; s = strtok_r(0, ",", &rest)) {
    if (!strcmp(s, "require"))
      a.srcip = RK_SRCIP_REQUIRE;
    else if (!strcmp(s, "prefer"))
      a.srcip = RK_SRCIP_PREFER;
    else if (!strcmp(s, "no"))
      a.srcip = RK_SRCIP_NO;
    else if (!strcmp(s, "plain"))
      a.srcip = RK_SRCIP_PLAIN;
    else if (!strcmp(s, "refuse"))
      a.refuse = 1;
    else if (!strncmp(s, "wait=", 5)) {
      a.wait = strcmp(s + 5, "forever") ? RK_WAIT_FOR : RK_WAIT_EVER;
      a.wait_s = (uint32_t)atoi(s + 5);
    } else if (!strncmp(s, "idle=", 5))
      a.idle = (uint32_t)atoi(s + 5);
    else
      count = (unsigned int)atoi(s);
  }
  a.proto = word[0][0] == 't' ? IPPROTO_TCP : IPPROTO_UDP;
  address(&dest, word[3], 0);
  a.dest.family = dest.ss_family;
  a.dest.port = (uint16_t)atoi(word[4]);
  if (dest.ss_family == AF_INET)
    a.dest.addr.v4 = ((struct sockaddr_in *)&dest)->sin_addr;
  else
    a.dest.addr.v6 = ((struct sockaddr_in6 *)&dest)->sin6_addr;
  for (unsigned int i = 0; i < count; i++)
    fds[i] = bound(a.proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM, word[1],
                   atoi(word[2]) + (int)i, !a.refuse && a.proto == IPPROTO_TCP);
  for (unsigned int i = 0; i < count; i++)
    if (fds[i] < 65536)
      owner[fds[i]] = id;
  for (a.index = 0; a.index < count; a.index += RK_RELAY_FDS_MAX) {
    size_t some = count - a.index < RK_RELAY_FDS_MAX ? count - a.index : RK_RELAY_FDS_MAX;
    request(&a, sizeof a, fds + a.index, some);
    if (verdict("add"))
      return -1;
  }
  return 0;
}

static void stats(void)
{
  struct rk_relay_head ask = {RK_RELAY_VERSION, RK_RELAY_STATS};
  struct rk_relay_stats r;

  request(&ask, sizeof ask, 0, 0);
  do {
    reply(&r, sizeof r);
    for (unsigned int i = 0; i < r.n; i++)
      printf(
        "id=%u now=%u total=%llu in=%llu out=%llu refused=%llu kept=%llu dropped=%llu state=%u; ",
        r.stat[i].id, r.stat[i].now, (unsigned long long)r.stat[i].total,
        (unsigned long long)r.stat[i].in, (unsigned long long)r.stat[i].out,
        (unsigned long long)r.stat[i].refused, (unsigned long long)r.stat[i].kept,
        (unsigned long long)r.stat[i].dropped, r.stat[i].state);
  } while (r.more);
  printf("end\n");
}

static int open_netns(char const *name, int *chain)
{
  char path[64];
  int never[2];

  if (name[0] == '/') {
    if (pipe(never) == -1)
      die("pipe");
    fcntl(never[1], F_SETFD, FD_CLOEXEC);
    *chain = never[0]; /* ends with this process */
    return open(name, O_RDONLY | O_CLOEXEC);
  }
  *chain = rk_pidfd_open(atoi(name), 0);
  snprintf(path, sizeof path, "/proc/%s/ns/net", name);
  return open(path, O_RDONLY | O_CLOEXEC);
}

int main(int argc, char **argv)
{
  struct rk_relay_start start = {.head = {RK_RELAY_VERSION, RK_RELAY_START}, .six = 1};
  struct rlimit files;
  char line[512];
  int o, pair[2], chain, netns;
  pid_t relay;

  while ((o = getopt(argc, argv, "+i:g:G:n:")) != -1)
    if (o == 'i')
      strncpy(start.ifname, optarg, sizeof start.ifname - 1);
    else if (o == 'g')
      inet_pton(AF_INET, optarg, &start.gateway4);
    else if (o == 'n')
      inet_pton(AF_INET, optarg, &start.dns4);
    else if (o == 'G')
      inet_pton(AF_INET6, optarg, &start.gateway6);
    else
      return 100;
  if (argc - optind < 2)
    return 100;
  setvbuf(stdout, 0, _IOLBF, 0);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  netns = open_netns(argv[optind + 1], &chain);
  if (netns == -1 || chain == -1)
    die(argv[optind + 1]);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
    die("socketpair");
  relay = fork();
  if (!relay) {
    int a = fcntl(pair[1], F_DUPFD, 10), b = fcntl(netns, F_DUPFD, 10),
        c = fcntl(chain, F_DUPFD, 10);
    if (dup2(a, 3) == -1 || dup2(b, 4) == -1 || dup2(c, 5) == -1)
      die("dup2");
    rk_close_range(6, ~0U, 0);
    execl(argv[optind], "rk-relay", (char *)0);
    die(argv[optind]);
  }
  close(pair[1]);
  close(netns);
  control = pair[0];
  request(&start, sizeof start, 0, 0);
  if (verdict("start"))
    return 111;
  for (int i = optind + 2; i < argc; i++)
    if (add(argv[i]) == -1)
      return 111;
  printf("ready %d\n", (int)relay);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    if (!strcmp(line, "stats"))
      stats();
    else if (!strncmp(line, "add ", 4))
      printf("%s\n", add(line + 4) ? "failed" : "added");
    else if (!strncmp(line, "del ", 4)) {
      struct rk_relay_del del = {{RK_RELAY_VERSION, RK_RELAY_DEL}, (uint32_t)atoi(line + 4)};
      request(&del, sizeof del, 0, 0);
      if (!verdict("del")) {
        for (int fd = 3; fd < 65536; fd++)
          if (owner[fd] == del.id && del.id)
            owner[fd] = (uint32_t)close(fd) & 0;
        printf("deleted\n");
      }
    } else if (!strcmp(line, "close")) {
      close(control);
      printf("closed\n");
    } else if (!strcmp(line, "wait")) {
      int status;
      waitpid(relay, &status, 0);
      printf("%s %d\n", WIFEXITED(status) ? "exit" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    } else
      break;
  }
  return 0;
}
