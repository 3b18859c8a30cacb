/* SPDX-License-Identifier: ISC
   rootlesskit-docker-proxy: what Docker before 28 runs instead of docker-proxy: publish the port by
   the API, then run the real one.

   where    inside the chain, started by dockerd
   fds/env  fd 3 leads to dockerd: "0\n", or "1\n" and a text; reads ROOTLESSKIT_STATE_DIR
   forks    docker-proxy, which dies with it
   lives    until SIGINT, or until docker-proxy ends
   exits    0; 1 with a line on stderr and on fd 3; 2 usage
 */
#include "client.h"
#include <compat/go.h>
#include <compat/goflags.h>
#include <rk/put.h>
#include <rk/text.h>
#include <rk/portspec.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <skalibs/strerr.h>

enum { DOCKERD = 3 };

static char const *proto = "tcp", *host_ip = "", *container_ip = "";
static long long host_port = -1, container_port = -1;
static struct goflag const FLAGS[] = {
  {"container-ip", 0, GOFLAG_TEXT, &container_ip, "Usage of rootlesskit-docker-proxy", "IP",
   "container ip"},
  {"container-port", 0, GOFLAG_INT, &container_port, 0, "N", "container port"},
  {"host-ip", 0, GOFLAG_TEXT, &host_ip, 0, "IP", "host ip"},
  {"host-port", 0, GOFLAG_INT, &host_port, 0, "N", "host port"},
  {"proto", 0, GOFLAG_TEXT, &proto, 0, "PROTO", "proxy protocol (default: tcp)"},
  {0},
};
static char socket_path[4096];

static void say(char const *text)
{
  char line[70100];
  char stamp[32];
  time_t t = time(0);
  struct tm tm;

  strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S", localtime_r(&t, &tm));
  snprintf(line, sizeof line, "%s %s", stamp, text);
  rk_put_line(2, line, strlen(line));
}

__attribute__((noreturn, format(printf, 1, 2))) static void die(char const *format, ...)
{
  char text[70000], safe[70000]; /* dockerd shows it to its client */
  struct rk_text t;
  va_list ap;

  va_start(ap, format);
  vsnprintf(text, sizeof text, format, ap);
  va_end(ap);
  t = rk_text_in(safe, sizeof safe);
  rk_text_safe(&t, text, strlen(text));
  dprintf(DOCKERD, "1\n%s", safe);
  say(text);
  _exit(1);
}

static int is_v6(char const *ip)
{
  struct in6_addr addr;

  return rk_ip_parse(ip, strlen(ip), &addr) == AF_INET6;
}

static int serves(cJSON const *ports, char const *word)
{
  cJSON const *v;

  cJSON_ArrayForEach(
    v, cJSON_GetObjectItem(ports, "protos")) if (cJSON_IsString(v) &&
                                                 !strcmp(v->valuestring, word)) return 1;
  return 0;
}

static cJSON *info(void)
{
  static char err[70000];
  char *answer;
  cJSON *v;

  if (access(socket_path, F_OK) < 0)
    die("error while connecting to RootlessKit API socket: stat %s: %s", socket_path,
        go_errno(errno));
  if (api_call(socket_path, "GET", "/v1/info", 0, &answer, err, sizeof err) < 0 ||
      !(v = cJSON_Parse(answer)))
    die("failed to call info API, probably RootlessKit binary is too old (needs to be v0.14.0 or "
        "later): %s",
        err);
  free(answer);
  return v;
}

/* The address inside to which the port leads, where docker-proxy will listen. */
static char const *child_ip(cJSON const *v, cJSON const *ports)
{
  cJSON const *net = cJSON_GetObjectItem(v, "networkDriver");

  if (!cJSON_IsTrue(cJSON_GetObjectItem(ports, "disallowLoopbackChildIP")))
    return is_v6(host_ip) ? "::1" : "127.0.0.1";
  if (!*api_text(net, "childIP"))
    die("RootlessKit port driver \"%s\" does not support loopback child IP, but network driver "
        "\"%s\" has no child IP",
        api_text(ports, "driver"), api_text(net, "driver"));
  return api_text(net, "childIP");
}

static long publish(char const *word, char const *ip)
{
  static char err[70000];
  char *answer;
  cJSON *v;
  long id;

  if (api_call(socket_path, "POST", "/v1/ports", api_spec(word, host_ip, host_port, ip, host_port),
               &answer, err, sizeof err) < 0)
    die("error while calling PortManager.AddPort(): %s", err);
  v = cJSON_Parse(answer);
  id = api_number(v, "id");
  if (!id)
    die("error while calling PortManager.AddPort(): %s", answer);
  return id;
}

static pid_t start_proxy(char const *ip, sigset_t const *old)
{
  char cport[32], hport[32];
  pid_t self = getpid(), pid = fork();

  if (pid)
    return pid;
  snprintf(cport, sizeof cport, "%lld", container_port);
  snprintf(hport, sizeof hport, "%lld", host_port);
  sigprocmask(SIG_SETMASK, old, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != self)
    _exit(1);
  execlp("docker-proxy", "docker-proxy", "-container-ip", container_ip, "-container-port", cport,
         "-host-ip", ip, "-host-port", hport, "-proto", proto, (char *)0);
  die("error while starting docker-proxy: %s", go_errno(errno));
}

int main(int argc, char const *const *argv)
{
  char const *dir = getenv("ROOTLESSKIT_STATE_DIR"), *ip;
  char err[768], word[16], path[64];
  cJSON *v, *ports;
  sigset_t set, old;
  long id;
  pid_t pid;
  char *answer;

  PROG = "rootlesskit-docker-proxy";
  if (goflags_parse(FLAGS, argv + (argc > 0), err, sizeof err) < 0) {
    rk_put_line(2, err, strlen(err));
    goflags_help(2, FLAGS);
    return 2;
  }
  if (!dir || !*dir)
    die("$ROOTLESSKIT_STATE_DIR needs to be set");
  snprintf(socket_path, sizeof socket_path, "%s/api.sock", dir);
  v = info();
  ports = cJSON_GetObjectItem(v, "portDriver");
  if (!ports) {
    execvp("docker-proxy", (char **)(uintptr_t)argv);
    die("error while starting docker-proxy: %s", go_errno(errno));
  }
  ip = child_ip(v, ports);
  snprintf(word, sizeof word, "%.8s%c", proto, is_v6(host_ip) ? '6' : '4');
  if (!serves(ports, word)) {
    char text[512];
    int six = is_v6(host_ip);
    snprintf(text, sizeof text,
             "protocol \"%s\" is not supported by the RootlessKit port driver \"%s\", discarding "
             "request for \"%s%s%s:%lld\"",
             word, api_text(ports, "driver"), six ? "[" : "", host_ip, six ? "]" : "", host_port);
    say(text);
    dprintf(DOCKERD, "0\n");
    return 0;
  }
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, &old);
  id = publish(word, ip);
  pid = start_proxy(ip, &old);
  snprintf(path, sizeof path, "/v1/ports/%ld", id);
  if (pid > 0) {
    int sig = 0, wstat, ended = 0;
    close(DOCKERD); /* the proxy has its own copy: dockerd is to see it end */
    while (sig != SIGINT && !ended && sigwait(&set, &sig) == 0)
      ended = waitpid(pid, &wstat, WNOHANG) == pid;
    if (!ended) {
      kill(pid, SIGKILL);
      waitpid(pid, &wstat, 0);
    }
  }
  if (api_call(socket_path, "DELETE", path, 0, &answer, err, sizeof err) < 0) {
    char text[1024];
    snprintf(text, sizeof text, "error while calling PortManager.RemovePort(): %s", err);
    say(text);
  }
  return 0;
}
