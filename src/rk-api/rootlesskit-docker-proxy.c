/* SPDX-License-Identifier: ISC
   rootlesskit-docker-proxy: what Docker before 28 runs instead of docker-proxy: publish the port by
   the API, then run the real one.

   where    inside the chain, started by dockerd
   fds/env  fd 3 leads to dockerd: "0\n", or "1\n" and a text; reads ROOTLESSKIT_STATE_DIR
   forks    docker-proxy, which dies with it; before that the process that publishes the port, and
            withdraws it however this one ends
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
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>

enum { DOCKERD = 3 };

struct options {
  char const *proto, *host_ip, *container_ip;
  long long host_port, container_port;
  char const *socket; /* the API's */
};

#define AT(field) offsetof(struct options, field)

static struct goflag const FLAGS[] = {
  {"container-ip", NULL, GOFLAG_TEXT, AT(container_ip), "Usage of rootlesskit-docker-proxy", "IP",
   "container ip"},
  {"container-port", NULL, GOFLAG_INT, AT(container_port), NULL, "N", "container port"},
  {"host-ip", NULL, GOFLAG_TEXT, AT(host_ip), NULL, "IP", "host ip"},
  {"host-port", NULL, GOFLAG_INT, AT(host_port), NULL, "N", "host port"},
  {"proto", NULL, GOFLAG_TEXT, AT(proto), NULL, "PROTO", "proxy protocol (default: tcp)"},
  {0},
};

static void say(char const *text)
{
  char line[70100];
  char stamp[32];
  time_t t = time(NULL);
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

  cJSON_ArrayForEach(v, cJSON_GetObjectItem(ports, "protos"))
  {
    if (cJSON_IsString(v) && !strcmp(v->valuestring, word))
      return 1;
  }
  return 0;
}

static cJSON *info(struct options const *o)
{
  static char err[70000];
  char *answer;
  cJSON *v = NULL;

  if (access(o->socket, F_OK) == -1)
    die("error while connecting to RootlessKit API socket: stat %s: %s", o->socket,
        go_errno(errno));
  if (api_call(o->socket, "GET", "/v1/info", NULL, &answer, err, sizeof err) == 0) {
    v = cJSON_Parse(answer);
    free(answer);
  }
  if (!v)
    die("failed to call info API, probably RootlessKit binary is too old (needs to be v0.14.0 or "
        "later): %s",
        err);
  return v;
}

/* The address inside to which the port leads, where docker-proxy will listen. */
static char const *child_ip(struct options const *o, cJSON const *v, cJSON const *ports)
{
  cJSON const *net = cJSON_GetObjectItem(v, "networkDriver");

  if (!cJSON_IsTrue(cJSON_GetObjectItem(ports, "disallowLoopbackChildIP")))
    return is_v6(o->host_ip) ? "::1" : "127.0.0.1";
  if (!*api_text(net, "childIP"))
    die("RootlessKit port driver \"%s\" does not support loopback child IP, but network driver "
        "\"%s\" has no child IP",
        api_text(ports, "driver"), api_text(net, "driver"));
  return api_text(net, "childIP");
}

/* The id of the port, or 0 with the reason. */
static long publish(struct options const *o, char const *word, char const *ip, char *err,
                    size_t errsize)
{
  char *spec = api_spec(word, o->host_ip, o->host_port, ip, o->host_port), *answer;
  long id;

  if (api_call(o->socket, "POST", "/v1/ports", spec, &answer, err, errsize) == -1)
    return 0;
  id = api_number(cJSON_Parse(answer), "id");
  if (!id)
    snprintf(err, errsize, "%s", answer);
  return id;
}

static int withdraw(struct options const *o, long id)
{
  char path[64], err[768], text[1024];
  char *answer;

  snprintf(path, sizeof path, "/v1/ports/%ld", id);
  if (api_call(o->socket, "DELETE", path, NULL, &answer, err, sizeof err) == 0)
    return 0;
  snprintf(text, sizeof text, "error while calling PortManager.RemovePort(): %s", err);
  say(text);
  return -1;
}

/* The process that holds the port. It lives until nobody has the other end of life any more. */
struct holder {
  pid_t pid;
  int life;
  long id;
};

/* What the holder tells: the id, or 0 and the reason. */
struct told {
  long id;
  char err[70000];
};

static void hold(struct options const *o, char const *word, char const *ip, int tell, int life)
  __attribute__((noreturn));
static void hold(struct options const *o, char const *word, char const *ip, int tell, int life)
{
  static struct told told;
  sigset_t all;
  char end;

  setsid();         /* what is meant for the one that waits for us is not for us */
  sigfillset(&all); /* SIGPIPE as well */
  sigprocmask(SIG_BLOCK, &all, NULL);
  close(DOCKERD);
  told.id = publish(o, word, ip, told.err, sizeof told.err);
  allwrite(tell, (char *)&told, sizeof told); /* EPIPE: it is gone, and so is its end of life */
  close(tell);
  if (!told.id)
    _exit(0);
  while (read(life, &end, 1) == -1 && errno == EINTR)
    ;
  _exit(withdraw(o, told.id) == -1);
}

/* Another process asks for the port, so that it is withdrawn even if this one is killed. */
static struct holder start_holder(struct options const *o, char const *word, char const *ip)
{
  static struct told told;
  int tell[2], life[2];
  pid_t pid;

  if (pipe2(tell, O_CLOEXEC) == -1 || pipe2(life, O_CLOEXEC) == -1)
    die("error while calling PortManager.AddPort(): pipe: %s", go_errno(errno));
  pid = fork();
  if (pid == 0) {
    close(life[1]);
    close(tell[0]);
    hold(o, word, ip, tell[1], life[0]);
  }
  if (pid == -1)
    die("error while calling PortManager.AddPort(): fork: %s", go_errno(errno));
  close(tell[1]);
  close(life[0]);
  if (allread(tell[0], (char *)&told, sizeof told) != sizeof told)
    die("error while calling PortManager.AddPort(): the process that publishes the port has died");
  close(tell[0]);
  if (!told.id)
    die("error while calling PortManager.AddPort(): %s", told.err);
  return (struct holder){.pid = pid, .life = life[1], .id = told.id};
}

/* The port is withdrawn when this returns. */
static void end_holder(struct options const *o, struct holder const *h)
{
  int wstat = 0;

  close(h->life);
  if (waitpid(h->pid, &wstat, 0) == h->pid && WIFSIGNALED(wstat))
    withdraw(o, h->id);
}

static pid_t start_proxy(struct options const *o, char const *ip, sigset_t const *old)
{
  char cport[32], hport[32];
  pid_t self = getpid(), pid = fork();

  if (pid)
    return pid;
  snprintf(cport, sizeof cport, "%lld", o->container_port);
  snprintf(hport, sizeof hport, "%lld", o->host_port);
  sigprocmask(SIG_SETMASK, old, NULL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != self)
    _exit(1);
  execlp("docker-proxy", "docker-proxy", "-container-ip", o->container_ip, "-container-port", cport,
         "-host-ip", ip, "-host-port", hport, "-proto", o->proto, (char *)NULL);
  die("error while starting docker-proxy: %s", go_errno(errno));
}

/* Until docker-proxy ends or SIGINT comes; then it is ended. SIGCHLD may be of the holder. */
static void wait_for_proxy(pid_t pid, sigset_t const *set)
{
  int sig = 0, wstat, ended = 0;

  close(DOCKERD); /* the proxy has its own copy: dockerd is to see it end */
  while (sig != SIGINT && !ended && sigwait(set, &sig) == 0)
    ended = waitpid(pid, &wstat, WNOHANG) == pid;
  if (ended)
    return;
  kill(pid, SIGKILL);
  waitpid(pid, &wstat, 0);
}

/* The port driver does not know the protocol: dockerd goes on without this port. */
static void discard(struct options const *o, char const *word, cJSON const *ports)
{
  char text[512];
  int six = is_v6(o->host_ip);

  snprintf(text, sizeof text,
           "protocol \"%s\" is not supported by the RootlessKit port driver \"%s\", discarding "
           "request for \"%s%s%s:%lld\"",
           word, api_text(ports, "driver"), six ? "[" : "", o->host_ip, six ? "]" : "",
           o->host_port);
  say(text);
  dprintf(DOCKERD, "0\n");
}

static void read_options(struct options *o, int argc, char const *const *argv)
{
  char const *dir = getenv("ROOTLESSKIT_STATE_DIR");
  char err[768], *path;

  if (goflags_parse(FLAGS, o, argv + (argc > 0), err, sizeof err) == -1) {
    rk_put_line(2, err, strlen(err));
    goflags_help(2, FLAGS);
    _exit(2);
  }
  if (!dir || !*dir)
    die("$ROOTLESSKIT_STATE_DIR needs to be set");
  if (asprintf(&path, "%s/api.sock", dir) == -1)
    die("cannot allocate memory");
  o->socket = path;
}

int main(int argc, char const *const *argv)
{
  struct options o = {
    .proto = "tcp", .host_ip = "", .container_ip = "", .host_port = -1, .container_port = -1};
  char word[16];
  char const *ip;
  cJSON *v, *ports;
  sigset_t set, old;
  struct holder holder;
  pid_t pid;

  PROG = "rootlesskit-docker-proxy";
  read_options(&o, argc, argv);
  v = info(&o);
  ports = cJSON_GetObjectItem(v, "portDriver");
  if (!ports) {
    execvp("docker-proxy", (char **)(uintptr_t)argv);
    die("error while starting docker-proxy: %s", go_errno(errno));
  }
  ip = child_ip(&o, v, ports);
  snprintf(word, sizeof word, "%.8s%c", o.proto, is_v6(o.host_ip) ? '6' : '4');
  if (!serves(ports, word)) {
    discard(&o, word, ports);
    return 0;
  }
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, &old);
  holder = start_holder(&o, word, ip);
  pid = start_proxy(&o, ip, &old);
  if (pid > 0)
    wait_for_proxy(pid, &set);
  end_holder(&o, &holder);
  return 0;
}
