/* SPDX-License-Identifier: ISC
   rk-portd -P pesto: pasta publishes while it runs, told by pesto(1). Whoever speaks to pasta's own
   socket can also have it open the host's ports inside. So that socket lies in the driver's private
   directory, and this process, in front of it, passes on nothing but published ports. */
#ifndef PESTO_H
#define PESTO_H

/* pasta's socket, in the private directory. */
#define PESTO_CONF "conf"

/* Listen at .pesto in the state directory until pidfd's process, pasta, has ended. One line a
   connection, "add tcp ADDRESS PORT PORT-INSIDE" or "del ...", also udp; the answer is "ok" or the
   reason. dir: the private directory. */
void pesto_serve(int dir, int pidfd) __attribute__((noreturn));

#endif
