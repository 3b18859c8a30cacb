/* SPDX-License-Identifier: ISC */
#include "portd.h"
struct portd_driver const portd_by_slirp = {.name = "slirp4netns"};
