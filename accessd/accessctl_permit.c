/* SPDX-License-Identifier: GPL-3.0-or-later */
/* folder, group, permission, can. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "accessd/accessctl.h"

/* --- folders --------------------------------------------------------------------------------- */

static int with_path(struct accessctl *a)
{
	return accessctl_do(a, NULL, json_pack("{s:s}", "path", accessctl_word(a, 0)));
}

static int folder_rename(struct accessctl *a)
{
	return accessctl_do(a, NULL,
			    json_pack("{s:s, s:s}", "path", accessctl_word(a, 0), "name",
				      accessctl_word(a, 1)));
}

static int folder_move(struct accessctl *a)
{
	return accessctl_do(
		a, NULL,
		json_pack("{s:s, s:s}", "path", accessctl_word(a, 0), "to", accessctl_word(a, 1)));
}

static int folder_list(struct accessctl *a)
{
	json_t *list = accessctl_ask_all(a, NULL, NULL, "folders", "path");
	int rc;

	if (!list)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(list);
	rc = a->json ? CTL_OK : accessctl_show_tree(list);
	json_decref(list);
	return rc;
}

/* "device move", "user move", "group move". */
static int move(struct accessctl *a)
{
	return accessctl_do(a, NULL,
			    json_pack("{s:s, s:s}", "name", accessctl_word(a, 0), "folder",
				      accessctl_word(a, 1)));
}

/* --- groups ---------------------------------------------------------------------------------- */

static int group_add(struct accessctl *a)
{
	json_t *params = json_pack("{s:s}", "name", accessctl_word(a, 0));

	if (accessctl_text(a, "--folder"))
		json_object_set_new(params, "folder", json_string(accessctl_text(a, "--folder")));
	return accessctl_do(a, NULL, params);
}

static int group_remove(struct accessctl *a)
{
	return accessctl_do(a, NULL, json_pack("{s:s}", "name", accessctl_word(a, 0)));
}

static void group_row(struct ctl_table *t, const json_t *g)
{
	char members[24] = "all";
	int64_t n;

	if (rpc_int(g, "members", 0, INT64_MAX, &n))
		snprintf(members, sizeof(members), "%lld", (long long)n);
	{
		const char *cells[] = {accessctl_cell(g, "name"), accessctl_cell(g, "folder"),
				       members};
		ctl_table_row(t, cells);
	}
}

static int group_list(struct accessctl *a)
{
	static const char *const headings[] = {"NAME", "FOLDER", "MEMBERS"};
	static const struct accessctl_columns columns = {3, headings, group_row};

	return accessctl_show_list(a, accessctl_ask_all(a, NULL, NULL, "groups", "name"), &columns);
}

/* Each user by himself; the first that fails ends it. */
static int group_member(struct accessctl *a)
{
	int rc = CTL_OK;

	for (size_t i = 1; rc == CTL_OK && accessctl_word(a, i); i++)
		rc = accessctl_do(a, NULL,
				  json_pack("{s:s, s:s}", "name", accessctl_word(a, 0), "user",
					    accessctl_word(a, i)));
	return rc;
}

static void member_row(struct ctl_table *t, const json_t *m)
{
	const char *cells[] = {accessctl_cell(m, "name"), accessctl_cell(m, "state"),
			       accessctl_cell(m, "folder")};

	ctl_table_row(t, cells);
}

static int group_members(struct accessctl *a)
{
	static const char *const headings[] = {"NAME", "STATE", "FOLDER"};
	static const struct accessctl_columns columns = {3, headings, member_row};
	json_t *params = json_pack("{s:s}", "name", accessctl_word(a, 0));

	return accessctl_show_list(a, accessctl_ask_all(a, NULL, params, "members", "name"),
				   &columns);
}

/* --- permissions ----------------------------------------------------------------------------- */

/* CONNECT is connect. */
static json_t *lower(const char *text)
{
	char out[64];
	size_t n = 0;

	for (; n < sizeof(out) - 1 && text[n]; n++)
		out[n] = (char)tolower((unsigned char)text[n]);
	out[n] = '\0';
	return json_string(out);
}

static int permission(struct accessctl *a)
{
	return accessctl_do(a, NULL,
			    json_pack("{s:s, s:o, s:s}", "subject", accessctl_word(a, 0), "what",
				      lower(accessctl_word(a, 1)), "target", accessctl_word(a, 2)));
}

static void permission_row(struct ctl_table *t, const json_t *p)
{
	char subject[ACCESSCTL_CELL_SIZE];

	snprintf(subject, sizeof(subject), "%s:%s", accessctl_cell(p, "kind"),
		 accessctl_cell(p, "subject"));
	{
		const char *cells[] = {subject, accessctl_cell(p, "rule"),
				       accessctl_cell(p, "permission"),
				       accessctl_cell(p, "target")};
		ctl_table_row(t, cells);
	}
}

static int permission_list(struct accessctl *a)
{
	static const char *const headings[] = {"WHO", "RULE", "PERMISSION", "WHERE"};
	static const struct accessctl_columns columns = {4, headings, permission_row};
	const char *subject = accessctl_text(a, "--subject"),
		   *target = accessctl_text(a, "--target");
	json_t *params = json_object();

	if (subject)
		json_object_set_new(params, "subject", json_string(subject));
	if (target)
		json_object_set_new(params, "target", json_string(target));
	return accessctl_show_list(a, accessctl_ask_all(a, NULL, params, "permissions", "id"),
				   &columns);
}

/* --- why ------------------------------------------------------------------------------------- */

static void put_step(struct ctl_table *t, const json_t *s)
{
	const char *subject = accessctl_cell(s, "subject");
	char who[ACCESSCTL_CELL_SIZE], why[ACCESSCTL_CELL_SIZE];

	snprintf(who, sizeof(who), "%s:%s", accessctl_cell(s, "kind"), subject);
	snprintf(why, sizeof(why), "%s%s", json_is_true(json_object_get(s, "decides")) ? "<- " : "",
		 accessctl_cell(s, "why"));
	{
		const char *cells[] = {accessctl_cell(s, "target"), accessctl_cell(s, "rule"),
				       accessctl_cell(s, "permission"), who, why};
		ctl_table_row(t, cells);
	}
}

/* The places from the nearest to the root, each with what is said there. */
static void print_steps(const json_t *answer)
{
	static const char *const headings[] = {"WHERE", "RULE", "PERMISSION", "FOR", ""};
	const json_t *places = json_object_get(answer, "places"),
		     *rules = json_object_get(answer, "rules");
	struct ctl_table *t = ctl_table_new(5, headings);

	for (size_t i = 0; i < json_array_size(places); i++) {
		const char *place = json_string_value(json_array_get(places, i));
		bool any = false;

		for (size_t k = 0; k < json_array_size(rules); k++) {
			const json_t *s = json_array_get(rules, k);
			int64_t distance;

			if (!rpc_int(s, "distance", 0, 64, &distance) || (size_t)distance != i)
				continue;
			put_step(t, s);
			any = true;
		}
		if (!any) {
			const char *cells[] = {place ? place : "?", "-", "-", "-",
					       "nothing is said here"};
			ctl_table_row(t, cells);
		}
	}
	ctl_table_print(t);
}

static void print_answer(const struct accessctl *a, const json_t *answer, bool allowed)
{
	printf("%s: %s %s %s at %s\n", allowed ? "yes" : "no", accessctl_word(a, 0),
	       allowed ? "may" : "may not", accessctl_cell(answer, "permission"),
	       accessctl_word(a, 2));
	if (json_is_true(json_object_get(answer, "revoked")))
		printf("%s is revoked: no permission counts\n", accessctl_word(a, 0));
	else if (!json_is_true(json_object_get(answer, "decided")))
		printf("no rule says anything about it, and what is not allowed is denied\n");
	print_steps(answer);
	if (json_is_true(json_object_get(answer, "more")))
		puts("... and more rules that weigh less");
}

static int can(struct accessctl *a)
{
	json_t *answer = accessctl_ask(a, NULL,
				       json_pack("{s:s, s:o, s:s}", "user", accessctl_word(a, 0),
						 "what", lower(accessctl_word(a, 1)), "target",
						 accessctl_word(a, 2)));
	bool allowed = json_is_true(json_object_get(answer, "allowed"));

	if (!answer)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(answer);
	else
		print_answer(a, answer, allowed);
	json_decref(answer);
	return allowed ? CTL_OK : CTL_FAILED;
}

/* --- the commands --- */

static const struct accessctl_option GROUP_OPTIONS[] = {
	ACCESSCTL_FOLDER,
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option LIST_OPTIONS[] = {
	{"--subject", "USER|GROUP", ACCESSCTL_TEXT, "only what is said of this user or group"},
	{"--target", "DEVICE|FOLDER", ACCESSCTL_TEXT, "only what is said of this place"},
	{NULL, NULL, 0, NULL},
};

#define PERMISSIONS                                                                           \
	"PERMISSION is one of administer, manage-users, manage-devices, install-devices,\n"   \
	"connect, set-firewall, view-connections, view-operations. user:NAME or group:NAME\n" \
	"tells a user and a group of one name apart; everyone is the group of all users.\n"

const struct accessctl_command ACCESSCTL_PERMIT[] = {
	{.words = "folder add",
	 .operands = "FOLDER",
	 .help = "A folder for devices, users and groups",
	 .more = "Folders stand in each other, at most 16 deep; the one above must be there.\n",
	 .examples = "folder add /italy\n"
		     "folder add /italy/plant3\n",
	 .run = with_path},
	{.words = "folder list",
	 .help = "All folders, as a tree",
	 .examples = "folder list\n",
	 .run = folder_list},
	{.words = "folder rename",
	 .operands = "FOLDER NAME",
	 .help = "Give a folder another name",
	 .examples = "folder rename /italy/plant3 plant4\n",
	 .run = folder_rename},
	{.words = "folder move",
	 .operands = "FOLDER FOLDER",
	 .help = "Put a folder, and all in it, into another one",
	 .more = "What is allowed and denied above counts for it from then on.\n",
	 .examples = "folder move /plant3 /italy\n",
	 .run = folder_move},
	{.words = "folder remove",
	 .operands = "FOLDER",
	 .help = "Remove a folder that is empty",
	 .more = "And that no permission or policy names.\n",
	 .examples = "folder remove /italy/plant4\n",
	 .run = with_path},
	{.words = "device move",
	 .operands = "DEVICE FOLDER",
	 .help = "Put a device into another folder",
	 .examples = "device move press4 /italy/plant3\n",
	 .run = move},
	{.words = "user move",
	 .operands = "USER FOLDER",
	 .help = "Put a user into another folder",
	 .more = "Who manages users there manages this one; what the user may do stays as it is.\n",
	 .examples = "user move anna /italy\n",
	 .run = move},
	{.words = "group add",
	 .operands = "NAME",
	 .options = GROUP_OPTIONS,
	 .help = "A group of users",
	 .examples = "group add fitters\n"
		     "group add fitters-it --folder /italy\n",
	 .run = group_add},
	{.words = "group list",
	 .help = "All groups",
	 .examples = "group list\n",
	 .run = group_list},
	{.words = "group move",
	 .operands = "GROUP FOLDER",
	 .help = "Put a group into another folder",
	 .examples = "group move fitters /italy\n",
	 .run = move},
	{.words = "group remove",
	 .operands = "GROUP",
	 .help = "Remove a group that is empty",
	 .more = "And that no permission or policy names.\n",
	 .examples = "group remove fitters\n",
	 .run = group_remove},
	{.words = "group member add",
	 .operands = "GROUP USER...",
	 .help = "Put users into a group",
	 .examples = "group member add fitters anna bert\n",
	 .run = group_member},
	{.words = "group member remove",
	 .operands = "GROUP USER...",
	 .help = "Take users out of a group",
	 .examples = "group member remove fitters bert\n",
	 .run = group_member},
	{.words = "group member list",
	 .operands = "GROUP",
	 .help = "Who is in a group",
	 .examples = "group member list fitters\n",
	 .run = group_members},
	{.words = "permission allow",
	 .operands = "USER|GROUP PERMISSION DEVICE|FOLDER",
	 .help = "Allow a user or group something at a place",
	 .more = "It counts for all below, unless a nearer rule says otherwise.\n" PERMISSIONS,
	 .examples = "permission allow anna connect press4\n"
		     "permission allow fitters connect /italy\n"
		     "permission allow everyone connect /\n",
	 .run = permission},
	{.words = "permission deny",
	 .operands = "USER|GROUP PERMISSION DEVICE|FOLDER",
	 .help = "Deny a user or group something at a place",
	 .more = "Sessions that are not allowed any more end at once.\n" PERMISSIONS,
	 .examples = "permission deny fitters connect /italy/plant3\n",
	 .run = permission},
	{.words = "permission clear",
	 .operands = "USER|GROUP PERMISSION DEVICE|FOLDER",
	 .help = "Take back what was allowed or denied",
	 .more = PERMISSIONS,
	 .examples = "permission clear fitters connect /italy/plant3\n",
	 .run = permission},
	{.words = "permission list",
	 .options = LIST_OPTIONS,
	 .help = "What is allowed and denied",
	 .examples = "permission list\n"
		     "permission list --subject fitters\n"
		     "permission list --target /italy\n",
	 .run = permission_list},
	{.words = "can",
	 .operands = "USER PERMISSION DEVICE|FOLDER",
	 .help = "May somebody do this, and why",
	 .more = "The nearest rule decides, then one for the user before one for a group, then\n"
		 "deny before allow. Where nothing is said, it is denied.\n"
		 "Exit code 0: yes; 1: no, or it failed and standard error says why.\n",
	 .examples = "can anna connect press4\n"
		     "can bert manage-users /italy\n",
	 .run = can},
	{.words = NULL},
};
