/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FARLAN_WEAK_INTERNAL_H
#define FARLAN_WEAK_INTERNAL_H

#include "accessd/pure/weak.h"

extern const char *const WEAK_LIST[]; /* in order */
extern const size_t WEAK_LIST_N;

#endif
