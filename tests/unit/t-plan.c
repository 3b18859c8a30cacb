/* SPDX-License-Identifier: ISC
   t-plan: address plans. */
#include "../../src/rk-net/plan.h"

#include <stdio.h>
#include <string.h>

static int tests;

static void ok(int good, char const *name)
{
  printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
}

static void parses(char const *cidr, uint32_t ip, uint32_t gateway, uint32_t dns)
{
  struct plan p;
  char text[PLAN_TEXT];
  ok(plan_parse(cidr, &p) == PLAN_OK && p.ip == ip && p.gateway == gateway && p.dns == dns, cidr);
  plan_text(text, p.network, p.prefix);
  ok(!strcmp(text, cidr), "and back");
}

static void fails(char const *cidr, enum plan_error e)
{
  struct plan p;
  ok(plan_parse(cidr, &p) == e, *cidr ? cidr : "(empty)");
}

int main(void)
{
  parses("10.0.2.0/24", 0x0a000264, 0x0a000202, 0x0a000203);
  parses("10.0.0.0/8", 0x0a000064, 0x0a000002, 0x0a000003);
  parses("192.168.1.128/25", 0xc0a801e4, 0xc0a80182, 0xc0a80183);
  parses("192.168.1.64/26", 0xc0a80144, 0xc0a80142, 0xc0a80143);
  parses("192.0.2.8/29", 0xc000020c, 0xc000020a, 0xc000020b);
  char const *const syntax[] = {"",
                                "/",
                                "10.0.2.0",
                                "10.0.2.0/",
                                "10.0.2.0/33",
                                "10.0.2.0/x",
                                "10.0.2.0/24 ",
                                " 10.0.2.0/24",
                                "10.0.2/24",
                                "10.0.2.0.0/24",
                                "10.0.2.256/24",
                                "10.00.2.0/24",
                                "+10.0.2.0/24",
                                "10..2.0/24",
                                "::/8",
                                "10.0.2.0/024x",
                                "4294967306.0.0.0/8"};
  for (size_t i = 0; i < sizeof syntax / sizeof *syntax; i++)
    fails(syntax[i], PLAN_SYNTAX);
  fails("10.0.2.1/24", PLAN_HOSTBITS);
  fails("10.0.2.0/7", PLAN_PREFIX);
  fails("10.0.2.0/30", PLAN_PREFIX);
  fails("0.0.0.0/0", PLAN_PREFIX);
  fails("127.0.0.0/8", PLAN_RANGE);
  fails("0.0.0.0/8", PLAN_RANGE);
  fails("224.0.0.0/24", PLAN_RANGE);
  fails("255.255.255.0/24", PLAN_RANGE);
  ok(plan_overlap(0x0a000200, 24, 0x0a000000, 8), "a wide network covers");
  ok(plan_overlap(0x0a000000, 8, 0x0a0002ff, 32), "a host lies in");
  ok(!plan_overlap(0x0a000200, 24, 0x0a000300, 24), "neighbours do not overlap");
  ok(plan_overlap(0, 0, 0x0a000300, 24), "everything overlaps all");
  unsigned int n = 0, bad = 0;
  for (uint32_t a, last = 0; (a = plan_candidate(n)); last = a, n++)
    bad += a == last || (a & 255) || !(a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8);
  ok(n == 254 + 255 + 16 + 256 && !bad, "all candidates are private /24s");
  ok(plan_candidate(0) == 0x0a000200, "the first is 10.0.2.0");
  printf("1..%d\n", tests);
  return 0;
}
