/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <qrencode.h>
#include <stdio.h>

#include "common/io/ctl.h"

#define QUIET 2 /* modules around it; the standard asks for 4, phones are content with less */

static bool is_dark(const QRcode *q, int x, int y)
{
	return x >= 0 && y >= 0 && x < q->width && y < q->width && (q->data[y * q->width + x] & 1);
}

/* Two rows of modules in one line, light on dark as terminals mostly are: so light is what is
 * drawn. */
bool ctl_qr(const char *text)
{
	static const char *const halves[] = {"\xe2\x96\x88", "\xe2\x96\x80", "\xe2\x96\x84",
					     " "}; /* full, upper, lower */
	QRcode *q = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);

	if (!q)
		return false;
	for (int y = -QUIET; y < q->width + QUIET; y += 2) {
		for (int x = -QUIET; x < q->width + QUIET; x++)
			fputs(halves[(is_dark(q, x, y) ? 2 : 0) + (is_dark(q, x, y + 1) ? 1 : 0)],
			      stderr);
		fputc('\n', stderr);
	}
	QRcode_free(q);
	return true;
}
