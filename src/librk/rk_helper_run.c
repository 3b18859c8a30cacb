/* SPDX-License-Identifier: ISC */
#include <rk/spawn.h>

#include <errno.h>

#include <rk/fail.h>
#include <rk/text.h>

static void keep_output(void *data, char const *text, size_t len)
{
  if (data)
    rk_text_mem(data, text, len);
}

int rk_helper_run(char const *path, char const *const *argv, char *out, size_t size, int ms)
{
  struct rk_text t;
  struct rk_spawn h = {
    .path = path,
    .argv = argv,
    .quiet = 1,
    .take = keep_output,
  };

  if (out) {
    t = rk_text_in(out, size);
    h.data = &t;
  }
  if (rk_spawn_start(&h) == -1)
    return -1;
  if (rk_spawn_wait(&h, 1, -1, ms) == -1)
    return -1;
  if (h.late)
    return rk_fail(ETIMEDOUT);
  return h.status;
}
