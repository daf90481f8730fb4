/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Folders as a tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl.h"

#define DEPTH_MAX 20

/* A folder, or one above it that was not told of. */
struct node {
	char *path;
	const json_t *item; /* NULL: known by its path alone */
	size_t depth;
	bool is_last; /* in its folder */
};

struct tree {
	struct node *at;
	size_t n;
};

/* --- collecting ------------------------------------------------------------------------------ */

/* A folder's own come right behind it: '/' is less than all else. */
static int compare(const void *one, const void *other)
{
	const struct node *left = one, *right = other;
	const char *a = left->path, *b = right->path;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a != *b && (*a == '/' || *b == '/') && *a && *b)
		return *a == '/' ? -1 : 1;
	if (*a == *b) /* what was told of first */
		return (left->item == NULL) - (right->item == NULL);
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static size_t depth_of(const char *path)
{
	size_t n = 0;

	for (const char *at = path; path[1] && *at; at++)
		n += *at == '/';
	return n;
}

static bool put(struct tree *t, const char *path, size_t len, const json_t *item)
{
	struct node *at = reallocarray(t->at, t->n + 1, sizeof(*at));

	if (!at)
		return false;
	t->at = at;
	at[t->n] = (struct node){.path = strndup(path, len), .item = item};
	if (!at[t->n].path)
		return false;
	at[t->n].depth = depth_of(at[t->n].path);
	return ++t->n > 0;
}

/* With those above it. */
static bool put_item(struct tree *t, const json_t *item)
{
	const char *path, *at;

	if (!rpc_str(item, "path", &path) || path[0] != '/')
		return true;
	if (!put(t, path, strlen(path), item) || !put(t, "/", 1, NULL))
		return false;
	for (at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		if (!put(t, path, (size_t)(at - path), NULL))
			return false;
	}
	return true;
}

static void sort(struct tree *t)
{
	size_t n = 0;

	if (t->n > 0)
		qsort(t->at, t->n, sizeof(*t->at), compare);
	for (size_t i = 0; i < t->n; i++) {
		if (n > 0 && strcmp(t->at[n - 1].path, t->at[i].path) == 0)
			free(t->at[i].path);
		else
			t->at[n++] = t->at[i];
	}
	t->n = n;
}

static void find_last(struct tree *t)
{
	bool later[DEPTH_MAX + 1] = {false};

	for (size_t i = t->n; i-- > 0;) {
		struct node *x = &t->at[i];

		if (x->depth > DEPTH_MAX)
			x->depth = DEPTH_MAX;
		x->is_last = !later[x->depth];
		later[x->depth] = true;
		memset(later + x->depth + 1, 0, sizeof(later) - (x->depth + 1) * sizeof(later[0]));
	}
}

/* --- printing -------------------------------------------------------------------------------- */

static const char *count(const json_t *item, const char *key, const char *before, char out[48])
{
	int64_t n;

	out[0] = '\0';
	if (rpc_int(item, key, 1, INT64_MAX, &n))
		snprintf(out, 48, "%s%lld %.*s%s", before, (long long)n, (int)strlen(key) - 1, key,
			 n == 1 ? "" : "s");
	return out;
}

static void print(const struct node *x, const bool *open)
{
	const char *name = strrchr(x->path, '/');
	char devices[48], users[48], groups[48];
	const char *all[3];
	const char *before = "  (";

	for (size_t i = 1; i < x->depth; i++)
		fputs(open[i] ? "│   " : "    ", stdout);
	if (x->depth > 0)
		fputs(x->is_last ? "└── " : "├── ", stdout);
	fputs(x->depth > 0 ? name + 1 : "/", stdout);
	all[0] = count(x->item, "devices", before, devices);
	before = devices[0] ? ", " : before;
	all[1] = count(x->item, "users", before, users);
	before = users[0] ? ", " : before;
	all[2] = count(x->item, "groups", before, groups);
	printf("%s%s%s%s\n", all[0], all[1], all[2],
	       all[0][0] || all[1][0] || all[2][0] ? ")" : "");
}

int accessctl_show_tree(const json_t *folders)
{
	bool open[DEPTH_MAX + 1] = {false}, ok = true;
	struct tree t = {NULL, 0};

	for (size_t i = 0; ok && i < json_array_size(folders); i++)
		ok = put_item(&t, json_array_get(folders, i));
	sort(&t);
	find_last(&t);
	for (size_t i = 0; ok && i < t.n; i++) {
		open[t.at[i].depth] = !t.at[i].is_last;
		print(&t.at[i], open);
	}
	for (size_t i = 0; i < t.n; i++)
		free(t.at[i].path);
	free(t.at);
	if (!ok)
		fputs("accessctl: out of memory\n", stderr);
	return ok ? CTL_OK : CTL_FAILED;
}
