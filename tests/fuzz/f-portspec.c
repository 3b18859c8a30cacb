/* SPDX-License-Identifier: ISC
   f-portspec: any bytes as a port file and as a spec; what is accepted must be printed and read
   back the same. */
#include <rk/portspec.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

static void again(struct rk_portspec const *s)
{
  struct rk_portspec back;
  struct sockaddr_storage sa;
  char text[RK_PORTSPEC_PATHMAX + 256], err[RK_PORTSPEC_ERRMAX];
  int v6only;
  size_t len = rk_portspec_format(s, text, sizeof text);

  if (rk_portspec_parse(text, len, RK_PORTSPEC_RK | RK_PORTSPEC_SHORT, &back, err, sizeof err) <
        0 ||
      memcmp(s, &back, sizeof back))
    abort();
  rk_portspec_target(s, 0, &sa);
  (void)rk_portspec_listen(s, 0, &sa, &v6only, err, sizeof err);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  struct rk_portfile f;
  struct rk_portspec s;
  unsigned int line;
  char err[RK_PORTSPEC_ERRMAX], small[5];

  if (!rk_portfile_parse((char const *)data, size, &f, &line, err, sizeof err))
    again(&f.spec);
  if (!rk_portspec_parse((char const *)data, size, RK_PORTSPEC_ROOTLESSKIT, &s, small,
                         sizeof small) &&
      !rk_portspec_check(&s, err, sizeof err))
    again(&s);
  return 0;
}
