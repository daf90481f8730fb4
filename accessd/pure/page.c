/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/page.h"

void page_init(struct page *p)
{
	*p = (struct page){.items = json_array()};
}

bool page_add(struct page *p, json_t *item)
{
	size_t n = json_dumpb(item, NULL, 0, JSON_COMPACT) + 1;

	if (p->more || p->bytes + n > PAGE_MAX_BYTES) {
		p->more = true;
		json_decref(item);
		return false;
	}
	p->bytes += n;
	return json_array_append_new(p->items, item) == 0;
}

json_t *page_result(struct page *p, const char *name)
{
	json_t *o = json_pack("{s:o}", name, p->items);

	p->items = NULL;
	if (p->more)
		json_object_set_new(o, "more", json_true());
	return o;
}
