/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What has to be before a session begins: a reason, room under the limits, somebody's approval. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/sessions_internal.h"
#include "accessd/store_control.h"
#include "accessd/store_signin.h"
#include "common/io/file.h"

/* Sessions that count against a limit; that of the same two ends is about to be replaced. */
struct count {
	int64_t n;
	char words[160]; /* whose they are */
};

static void count_one(struct count *c, const char *name)
{
	size_t used = strlen(c->words);

	c->n++;
	if (name && used + strlen(name) + 3 < sizeof(c->words))
		snprintf(c->words + used, sizeof(c->words) - used, "%s%s", used ? ", " : "", name);
}

static void count_of_user(const struct sessions *ss, const struct conditions *c, struct count *n)
{
	for (const struct session *x = ss->list; x; x = x->next) {
		if (x->row.user_member == c->manager->member &&
		    (x->row.manager != c->manager->endpoint ||
		     x->row.device_member != c->device.id))
			count_one(n, x->row.device_name);
	}
}

/* Who is there is for those to know who may see it. */
static void count_of_device(const struct sessions *ss, const struct conditions *c, struct count *n)
{
	bool sees = sessions_may(ss, c->manager->member, PERMIT_VIEW_CONNECTIONS, c->device.id);

	for (const struct session *x = ss->list; x; x = x->next) {
		if (x->row.device_member == c->device.id && x->row.manager != c->manager->endpoint)
			count_one(n, sees || x->row.user_member == c->manager->member
					     ? x->row.user_name
					     : NULL);
	}
}

static int full(struct conditions *c, const char *whose, int64_t max, const struct count *n)
{
	snprintf(c->words, sizeof(c->words), "%s %lld session%s at one time already%s%s", whose,
		 (long long)max, max == 1 ? "" : "s", n->words[0] ? ": " : "", n->words);
	return RPC_UNAVAILABLE;
}

static int check_limits(const struct sessions *ss, struct conditions *c)
{
	int64_t of_user = c->of_user.at[SETTING_USER_MAX].number,
		of_device = c->of_device.at[SETTING_DEVICE_MAX].number,
		of_domain = c->of_device.at[SETTING_DOMAIN_MAX].number;
	struct count user = {0}, device = {0}, domain = {.n = (int64_t)ss->n};
	char whose[STORE_NAME_SIZE + 32];

	if (of_user)
		count_of_user(ss, c, &user);
	if (of_device)
		count_of_device(ss, c, &device);
	for (const struct session *x = ss->list; of_domain && x; x = x->next)
		domain.n -= x->row.manager == c->manager->endpoint &&
			    x->row.device_member == c->device.id;
	if (of_user && user.n >= of_user)
		return full(c, "you have your", of_user, &user);
	snprintf(whose, sizeof(whose), "%s has its", c->device.name);
	if (of_device && device.n >= of_device)
		return full(c, whose, of_device, &device);
	if (of_domain && domain.n >= of_domain)
		return full(c, "the domain has its", of_domain, &domain);
	return 0;
}

static int check_reason(struct conditions *c)
{
	enum setting_reason want = (enum setting_reason)c->of_device.at[SETTING_REASON].number;

	if (want == REASON_NONE ||
	    (c->wish->reason && (c->wish->reason[0] || want == REASON_ASKED)))
		return 0;
	snprintf(c->words, sizeof(c->words), "%s: say what for",
		 want == REASON_REQUIRED ? "this device is not connected to without a reason"
					 : "whoever connects to this device is asked for a reason");
	return RPC_REASON;
}

static int read_settings(struct sessions *ss, struct conditions *c)
{
	struct store_account account = {.valid_until = 0};
	struct store_member user;
	int rc = store_member_get(ss->store, c->manager->member, &user);

	if (rc == 0)
		rc = store_settings_of_member(ss->store, &user, ss->life_s, &c->of_user);
	if (rc == 0)
		rc = store_settings_of_member(ss->store, &c->device, ss->life_s, &c->of_device);
	if (rc == 0)
		rc = store_account_get(ss->store, user.id, &account);
	c->valid_until = account.valid_until;
	return rc;
}

int conditions_check(struct sessions *ss, struct conditions *c)
{
	int code;

	if (read_settings(ss, c) != 0) {
		snprintf(c->words, sizeof(c->words),
			 "the server cannot do this now; its log says why");
		return RPC_INTERNAL;
	}
	code = check_reason(c);
	return code ? code : check_limits(ss, c);
}

/* "192.0.2.1", of "192.0.2.1:4711" or "[2001:db8::1]:4711". */
static void strip_port(char out[PENDING_NAME_SIZE], const char *address)
{
	const char *from = address[0] == '[' ? address + 1 : address,
		   *end = address[0] == '[' ? strchr(from, ']') : strrchr(from, ':');

	snprintf(out, PENDING_NAME_SIZE, "%.*s", end ? (int)(end - from) : (int)strlen(from), from);
}

void conditions_row(const struct conditions *c, struct store_session *row)
{
	row->user_member = c->manager->member;
	snprintf(row->user_name, sizeof(row->user_name), "%s", c->manager->name);
	row->manager_lans = *c->manager->lans;
	row->ends = row->started + c->of_device.at[SETTING_LIMIT].number;
	if (c->valid_until && c->valid_until < row->ends)
		row->ends = c->valid_until; /* also if the server is away then */
	row->idle_s = c->of_device.at[SETTING_IDLE].number;
	strip_port(row->address, c->manager->address);
	snprintf(row->why, sizeof(row->why), "%s", c->wish->reason ? c->wish->reason : "");
}

bool conditions_must_wait(const struct conditions *c)
{
	return c->of_device.at[SETTING_APPROVE].number != APPROVE_NONE;
}

void conditions_pending(const struct conditions *c, int64_t device_endpoint, struct pending *p)
{
	*p = (struct pending){
		.user = c->manager->member,
		.manager = c->manager->endpoint,
		.device = c->device.id,
		.device_endpoint = device_endpoint,
		.mode = (enum setting_approve)c->of_device.at[SETTING_APPROVE].number,
		.deadline_ms = clock_mono_ms() +
			       (uint64_t)c->of_device.at[SETTING_APPROVE_IN].number * 1000,
	};
	snprintf(p->user_name, sizeof(p->user_name), "%s", c->manager->name);
	snprintf(p->device_name, sizeof(p->device_name), "%s", c->device.name);
	snprintf(p->approvers, sizeof(p->approvers), "%s", c->of_device.at[SETTING_APPROVERS].text);
	snprintf(p->reason, sizeof(p->reason), "%s", c->wish->reason ? c->wish->reason : "");
	strip_port(p->from, c->manager->address);
}
