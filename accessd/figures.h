/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figures - what accessd tells a Prometheus. docs/metrics.md lists it.
 */
#ifndef FARLAN_ACCESSD_FIGURES_H
#define FARLAN_ACCESSD_FIGURES_H

#include "common/pure/expo.h"

/** figures_write() - @arg: struct app. A write function of metrics_config. */
void figures_write(void *arg, struct expo *e);

#endif
