/* SPDX-License-Identifier: ISC
   t-frames: which frames may leave a namespace, and the pump between a tap (here a socket that
   keeps frames apart as one does) and a stream. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../../src/rk-net/drivers/frames.h"
#include "../../src/rk-net/drivers/pace.h"

static struct frame_rules const closed = {.gateway = {10, 0, 2, 1}};
static struct frame_rules const to_host = {.gateway = {10, 0, 2, 1}, .gateway_is_host = 1};

enum { ICMP = 1, TCP = 6, UDP = 17 };

struct frame {
  unsigned char b[64];
  size_t len;
};

static struct frame frame(char const *to, unsigned char protocol, unsigned int port)
{
  struct frame f = {.len = 54};
  unsigned int a[4];

  if (sscanf(to, "%u.%u.%u.%u", a, a + 1, a + 2, a + 3) != 4)
    _exit(99);
  f.b[12] = 8;
  f.b[14] = 0x45;
  f.b[23] = protocol;
  for (int i = 0; i < 4; i++)
    f.b[30 + i] = (unsigned char)a[i];
  f.b[36] = (unsigned char)(port >> 8);
  f.b[37] = (unsigned char)port;
  return f;
}

static int passes(struct frame_rules const *rules, char const *to, unsigned char protocol,
                  unsigned int port)
{
  struct frame f = frame(to, protocol, port);

  return frame_may_pass(rules, f.b, f.len);
}

static void destinations(void)
{
  static char const *const never[] = {"0.0.0.0",         "0.1.2.3",        "127.0.0.1",
                                      "127.255.255.255", "224.0.0.1",      "239.255.255.250",
                                      "240.0.0.1",       "255.255.255.255"};
  static char const *const always[] = {"1.0.0.0",        "10.0.2.2",        "126.255.255.255",
                                       "128.0.0.0",      "169.254.169.254", "192.0.2.1",
                                       "223.255.255.255"};

  for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
    ok(!passes(&closed, never[i], TCP, 53) && !passes(&closed, never[i], UDP, 53) &&
         !passes(&to_host, never[i], TCP, 8080) && !passes(&to_host, never[i], ICMP, 0),
       never[i]);
  }
  for (size_t i = 0; i < sizeof always / sizeof *always; i++)
    ok(passes(&closed, always[i], TCP, 80) && passes(&closed, always[i], UDP, 123), always[i]);
}

static void gateway(void)
{
  static char const to[] = "10.0.2.1";
  struct frame f;
  int open = 0, host = 0;

  for (unsigned int port = 0; port < 65536; port++) {
    open += passes(&closed, to, TCP, port) + passes(&closed, to, UDP, port);
    host += passes(&to_host, to, TCP, port) + passes(&to_host, to, UDP, port);
  }
  is_num(open, 2, "of the gateway's ports two are open");
  ok(passes(&closed, to, TCP, 53) && passes(&closed, to, UDP, 53), "DNS");
  ok(passes(&closed, to, ICMP, 0), "ping");
  ok(!passes(&closed, to, 132, 53) && !passes(&to_host, to, 132, 53), "no other protocol");
  is_num(host, 2 * 65536 - 1, "if it stands for the host, one is closed");
  ok(!passes(&to_host, to, TCP, 80), "gvproxy's own");
  f = frame(to, UDP, 53);
  f.b[20] = 0x20;
  ok(!frame_may_pass(&closed, f.b, f.len), "no first fragment");
  f.b[20] = 0;
  f.b[21] = 1;
  ok(!frame_may_pass(&closed, f.b, f.len), "no later one");
  f.b[21] = 0;
  f.b[20] = 0x40;
  ok(frame_may_pass(&closed, f.b, f.len), "(do not fragment is none)");
  f = frame(to, TCP, 53);
  f.b[14] = 0x46; /* options: the port lies four bytes further */
  ok(!frame_may_pass(&closed, f.b, f.len), "options before the port");
  f.b[41] = 53;
  ok(frame_may_pass(&closed, f.b, f.len), "are skipped");
  f.b[14] = 0x44;
  ok(!frame_may_pass(&closed, f.b, f.len), "a header that is too short");
  f.b[14] = 0x4f;
  ok(!frame_may_pass(&closed, f.b, f.len), "or longer than the frame");
}

/* Where the stack publishes ports: its own connections are answered, none is begun. */
static void published(void)
{
  static struct frame_rules const open = {.gateway = {10, 0, 2, 1}, .publishes = 1};
  struct frame f = frame("10.0.2.1", TCP, 16000);
  enum { FLAGS = 47, SYN = 2, RST = 4, ACK = 16 };

  f.b[FLAGS] = SYN | ACK;
  ok(frame_may_pass(&open, f.b, f.len), "the gateway's connection is accepted");
  ok(!frame_may_pass(&closed, f.b, f.len), "only where it publishes");
  f.b[FLAGS] = RST;
  ok(frame_may_pass(&open, f.b, f.len), "or refused");
  f.b[FLAGS] = SYN;
  ok(!frame_may_pass(&open, f.b, f.len), "none begins");
  ok(!frame_may_pass(&open, f.b, 47), "a frame without its flags does not pass");
  f = frame("10.0.2.1", TCP, 15999);
  f.b[FLAGS] = ACK;
  ok(!frame_may_pass(&open, f.b, f.len), "nor to a port that the stack does not choose");
  f = frame("10.0.2.1", TCP, 80);
  f.b[FLAGS] = ACK;
  ok(!frame_may_pass(&open, f.b, f.len), "nor to its own services");
  ok(passes(&open, "10.0.2.1", UDP, 16000), "UDP is answered");
  ok(!passes(&open, "10.0.2.1", UDP, 67), "and reaches no service");
}

static void shapes(void)
{
  struct frame f = frame("192.0.2.1", TCP, 80);
  int good = 1;

  for (size_t len = 0; len < 34; len++)
    good &= !frame_may_pass(&closed, f.b, len);
  ok(good, "cut off within the headers");
  f.b[14] = 0x65;
  ok(!frame_may_pass(&closed, f.b, f.len), "not version 4");
  f = frame("192.0.2.1", TCP, 80);
  f.b[12] = 0x86, f.b[13] = 0xdd;
  ok(!frame_may_pass(&closed, f.b, f.len), "IPv6");
  f.b[12] = 0x81, f.b[13] = 0;
  ok(!frame_may_pass(&closed, f.b, f.len), "a VLAN's tag");
  f.b[12] = 8, f.b[13] = 6;
  ok(frame_may_pass(&closed, f.b, 42) && !frame_may_pass(&closed, f.b, 41), "ARP");
}

struct wire {
  int tap, server, leave; /* our ends */
  pid_t pid;
};

static struct wire start(void)
{
  int tap[2], server[2], leave[2];
  struct wire w;

  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, tap) == -1 ||
      socketpair(AF_UNIX, SOCK_STREAM, 0, server) == -1 || pipe(leave) == -1)
    _exit(99);
  w = (struct wire){tap[0], server[0], leave[1], fork()};
  if (!w.pid) {
    struct pump p = {
      .tap = tap[1], .server = server[1], .leave = leave[0], .pidfd = -1, .rules = closed};
    close(tap[0]);
    close(server[0]);
    close(leave[1]);
    fcntl(p.tap, F_SETFL, O_NONBLOCK);
    fcntl(p.server, F_SETFL, O_NONBLOCK);
    int r = pump_run(&p);
    _exit(r == -1 ? errno : r ? 200 : 0);
  }
  close(tap[1]);
  close(server[1]);
  close(leave[0]);
  return w;
}

/* leave: tell it to, else it ends of its own accord. */
static int end(struct wire *w, int leave)
{
  int status;

  if (leave)
    close(w->leave);
  if (waitpid(w->pid, &status, 0) == -1)
    return -1;
  if (!leave)
    close(w->leave);
  close(w->tap);
  close(w->server);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void up(void)
{
  struct wire w = start();
  struct frame good = frame("192.0.2.1", TCP, 80), bad = frame("127.0.0.1", TCP, 80);
  unsigned char got[2 * (2 + 54)];

  ok(send(w.tap, good.b, good.len, 0) == 54 && send(w.tap, bad.b, bad.len, 0) == 54 &&
       send(w.tap, good.b, good.len, 0) == 54,
     "three frames go in");
  ok(recv(w.server, got, sizeof got, MSG_WAITALL) == sizeof got, "two come out");
  ok(got[0] == 54 && !got[1] && !memcmp(got + 2, good.b, 54) && got[56] == 54 &&
       !memcmp(got + 58, good.b, 54),
     "each behind its length");
  is_num(end(&w, 1), 0, "told to leave, it does");
}

static void down(void)
{
  struct wire w = start();
  static unsigned char big[2 + 65535], got[65536];
  unsigned char two[] = {14, 0,   'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15,
                         0,  'b', 0,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

  for (size_t i = 0; i < sizeof two - 1; i++)
    if (send(w.server, two + i, 1, 0) != 1)
      _exit(99);
  ok(recv(w.tap, got, sizeof got, 0) == 14 && got[0] == 'a', "a frame that came byte by byte");
  ok(recv(w.tap, got, sizeof got, 0) == 15 && got[0] == 'b', "and the next");
  memset(big, 'x', sizeof big);
  big[0] = big[1] = 255;
  for (int i = 0; i < 9; i++) {
    ssize_t n = 0;
    for (ssize_t r; n < (ssize_t)sizeof big; n += r)
      if ((r = send(w.server, big + n, sizeof big - (size_t)n, 0)) == -1)
        _exit(99);
    if (recv(w.tap, got, sizeof got, 0) != 65535)
      ok(0, "a longest frame is whole");
  }
  ok(1, "longest frames, across the end of the buffer");
  close(w.server);
  w.server = -1;
  is_num(end(&w, 0), 200, "the server closes: that is the end");
  w = start();
  ok(send(w.server, "\5\0abcde", 7, 0) == 7, "a frame shorter than a header");
  is_num(end(&w, 0), EPROTO, "is nonsense");
}

static void greet(void)
{
  int server[2], leave[2];
  unsigned char const ip[4] = {10, 0, 2, 100}, mac[6] = {2, 1, 2, 3, 4, 5};
  unsigned char got[44], answer[44] = {42, 0};
  struct pump p;

  if (socketpair(AF_UNIX, SOCK_STREAM, 0, server) == -1 || pipe(leave) == -1)
    _exit(99);
  p = (struct pump){
    .tap = -1, .server = server[1], .leave = leave[0], .pidfd = -1, .rules = closed};
  memcpy(answer + 14, "\10\6\0\1\10\0\6\4\0\2", 10);
  memcpy(answer + 30, p.rules.gateway, 4);
  ok(send(server[0], "\16\0aaaaaaaaaaaaaa", 16, 0) == 16 && send(server[0], answer, 44, 0) == 44,
     "the gateway answers, after another frame");
  is_num(pump_greet(&p, ip, mac), 0, "heard");
  ok(recv(server[0], got, sizeof got, MSG_WAITALL) == 44 && !memcmp(got + 24, mac, 6) &&
       !memcmp(got + 30, ip, 4) && !memcmp(got + 40, p.rules.gateway, 4),
     "and this was the question");
  close(server[0]);
  is_num(pump_greet(&p, ip, mac), 1, "nobody there");
}

/* A SYN from port 1000 + n, or (flags 0x12, 4) the answer to it. */
static struct frame segment(unsigned int n, unsigned char flags)
{
  struct frame f = frame("192.0.2.1", TCP, 80);

  f.b[34] = (unsigned char)((1000 + n) >> 8);
  f.b[35] = (unsigned char)(1000 + n);
  f.b[47] = flags;
  if (flags != 2) {
    memcpy(f.b + 26, f.b + 30, 4);
    memset(f.b + 30, 0, 4);
    memcpy(f.b + 36, f.b + 34, 2);
    f.b[34] = 0, f.b[35] = 80;
  }
  return f;
}

static void pace(void)
{
  static struct pace p;
  unsigned char got[PACE_FRAME_MAX];
  struct frame f, want = segment(PACE_MOST, 2);
  unsigned int passed = 0;

  is_num(pace_timeout(&p, 1), -1, "nothing to wait for");
  for (unsigned int i = 0; i < PACE_WAITING + PACE_MOST + 5; i++) {
    f = segment(i, 2);
    passed += (unsigned int)pace_out(&p, f.b, f.len, 1);
  }
  is_num(passed, PACE_MOST, "the first go");
  is_num(p.count, PACE_WAITING, "others wait, as many as there is room for");
  f = segment(PACE_MOST + 1, 2);
  ok(!pace_out(&p, f.b, f.len, 2) && p.count == PACE_WAITING, "a repetition is not kept twice");
  f = segment(0, 0x10);
  ok(pace_out(&p, f.b, f.len, 2), "what opens nothing goes");
  is_num(pace_next(&p, got, 2), 0, "no answer: no turn");
  f = segment(3, 0x12);
  pace_in(&p, f.b, f.len);
  ok(pace_next(&p, got, 3) == 54 && !memcmp(got, want.b, 54),
     "an answer: the one that waits longest");
  is_num(pace_next(&p, got, 3), 0, "and no other");
  f = segment(4, 4);
  pace_in(&p, f.b, f.len);
  is_num(pace_next(&p, got, 4), 54, "a refusal is an answer");
  is_num(pace_timeout(&p, 4), PACE_PATIENCE + 1 - 4, "silence ends");
  for (passed = 0; pace_next(&p, got, PACE_PATIENCE + 1); passed++)
    ;
  is_num(passed, PACE_MOST - 2, "and then others go");
}

int main(void)
{
  pace();
  destinations();
  gateway();
  published();
  shapes();
  up();
  down();
  greet();
  return tap_done();
}
