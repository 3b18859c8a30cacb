/* SPDX-License-Identifier: ISC
   What a backend sees of a client. Not yet: it sees what the kernel chooses, and START says so. */
#include <errno.h>

#include "relay.h"

void srcip_start(struct rk_relay_start const *start, struct rk_relay_say *say)
{
  (void)start;
  say->srcip4 = say->srcip6 = ENOSYS;
  refuse_start();
}

void client_drop(struct client *client) { (void)client; }
