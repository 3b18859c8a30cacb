/* SPDX-License-Identifier: ISC */
#include <rk/timer.h>
#include <time.h>

enum { TIMER_MAX = 8, HOUR = 3600000 };

static struct {
  int64_t at;
  void (*due)(void);
} timer[TIMER_MAX];

int64_t rk_now(void)
{
  struct timespec ts;

  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int rk_after(int ms, void (*due)(void))
{
  int slot = -1;

  for (int i = 0; i < TIMER_MAX; i++) {
    if (timer[i].due == due) {
      slot = i;
      break;
    }
    if (!timer[i].due && slot < 0)
      slot = i;
  }
  if (slot < 0)
    return -1;
  timer[slot].due = ms < 0 ? 0 : due;
  timer[slot].at = rk_now() + ms;
  return 0;
}

int rk_timer_wait(void)
{
  int64_t first = -1, t = rk_now();

  for (int i = 0; i < TIMER_MAX; i++)
    if (timer[i].due && (first < 0 || timer[i].at < first))
      first = timer[i].at;
  return first < 0 ? -1 : first <= t ? 0 : first - t > HOUR ? HOUR : (int)(first - t);
}

void rk_timer_run(void)
{
  int64_t t = rk_now();

  for (int i = 0; i < TIMER_MAX; i++) {
    void (*due)(void) = timer[i].due;
    if (!due || timer[i].at > t)
      continue;
    timer[i].due = 0;
    due();
  }
}
