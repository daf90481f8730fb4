/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The byte stream inside an outer connection, and how its layer is shed (docs/PROTOCOL.md,
 * section 2).
 */
#include "common/io/outer_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"

#define FRAME_BYTES (TLS_RECORD_MAX_BYTES - WS_HEADER_MAX_BYTES) /* one frame, one record */

/* Sending */

/* One frame in one piece: header, masked payload; @n at most FRAME_BYTES. */
static int send_frame(struct outer *o, enum ws_op op, const uint8_t *bytes, size_t n)
{
	uint8_t frame[TLS_RECORD_MAX_BYTES], mask[4];
	size_t head;

	if (!o->is_server)
		file_random(mask, sizeof(mask));
	head = ws_header_encode(frame, op, n, o->is_server ? NULL : mask);
	if (n > 0)
		memcpy(frame + head, bytes, n);
	if (!o->is_server)
		ws_mask(frame + head, n, mask, 0);
	return outer_write_plain(o, frame, head + n);
}

int outer_send_short(struct outer *o, enum ws_op op, const void *bytes, size_t n)
{
	if (o->tx_raw || o->passing)
		return 0; /* this direction has no messages, or not any more */
	if (buf_len(&o->net_out) > OUTER_QUEUE_MAX_BYTES)
		return -ENOBUFS; /* a peer that asks without reading */
	return send_frame(o, op, bytes, n);
}

/* Both directions are raw: what the outer layer needed goes. */
static void free_layer(struct outer *o)
{
	if (!o->tx_raw || !o->rx_raw || !o->has_tls)
		return;
	outer_free_tls(o);
	buf_wipe(&o->plain);
	buf_deinit(&o->plain);
	o->shed_ms = uv_now(o->loop);
}

/* Our last word in the outer layer, in a record of its own; behind it the stream goes bare. */
static int send_shed(struct outer *o)
{
	int r = send_frame(o, WS_TEXT, (const uint8_t *)"shed", 4);

	if (r != 0)
		return r;
	o->tx_raw = true;
	o->tx_follow.bare = true;
	o->tls->mute = true;
	if (!o->busy) /* else after the record that is being taken apart */
		free_layer(o);
	return 0;
}

/* At a boundary of the inner records, if this side is to shed. */
static int shed_if_due(struct outer *o)
{
	if (!o->shed_due || o->tx_raw || !record_at_boundary(&o->tx_follow))
		return 0;
	return send_shed(o);
}

int outer_shed(struct outer *o)
{
	if (o->closing || o->state != OUTER_OPEN)
		return -EPIPE;
	if (!o->shed_agreed)
		return -ENOTSUP;
	o->shed_due = true;
	return shed_if_due(o);
}

static int send_raw(struct outer *o, const uint8_t *bytes, size_t n)
{
	if (buf_append(&o->net_out, bytes, n) != 0) {
		outer_close(o, "out of memory");
		return -EPIPE;
	}
	outer_flush_later(o);
	return 0;
}

/* Bytes of the stream that go into the next frame: never beyond a boundary at which we shed. */
static size_t next_part(struct outer *o, const uint8_t *bytes, size_t n)
{
	size_t part = 0, used;

	if (n > FRAME_BYTES)
		n = FRAME_BYTES;
	if (!o->shed_agreed)
		return n;
	while (part < n) {
		if (record_follow(&o->tx_follow, bytes + part, n - part, &used) != 0) {
			o->shed_agreed = o->shed_due = false; /* not what we can cut */
			return n;
		}
		part += used;
		if (o->shed_due && record_at_boundary(&o->tx_follow))
			break;
	}
	return part;
}

/*
 * The same when it is shed. A server looks where the records end, for its hints; and what is
 * none, or what one end put there to look like a hint, must not reach the other.
 */
static size_t next_raw_part(struct outer *o, const uint8_t *bytes, size_t n)
{
	size_t part = 0, used;

	if (!o->is_server)
		return n;
	while (part < n && !(part > 0 && o->hint_due && record_at_boundary(&o->tx_follow))) {
		if (record_follow(&o->tx_follow, bytes + part, n - part, &used) != 0) {
			outer_close(o, "what is to be carried on the shed connection is no record");
			return 0;
		}
		part += used;
	}
	return part;
}

int outer_raw_commit(struct outer *o, size_t n)
{
	if (next_raw_part(o, buf_data(&o->net_out) + buf_len(&o->net_out), n) != n)
		return -EPIPE;
	buf_commit(&o->net_out, n);
	outer_flush_later(o);
	return 0;
}

static int send_hint_if_due(struct outer *o)
{
	uint8_t record[HINT_RECORD_BYTES];

	if (!o->hint_due || !o->tx_raw || !record_at_boundary(&o->tx_follow))
		return 0;
	o->hint_due = false;
	hint_encode_record(&o->hint, record);
	return send_raw(o, record, sizeof(record));
}

int outer_hint(struct outer *o, const struct hint *h)
{
	char text[HINT_TEXT_SIZE];

	if (o->closing || o->state != OUTER_OPEN)
		return -EPIPE;
	if (!o->tx_raw)
		return outer_send_short(o, WS_TEXT, text, hint_encode_text(h, text));
	if (buf_len(&o->net_out) > OUTER_QUEUE_MAX_BYTES)
		return -ENOBUFS;
	o->hint = *h;
	o->hint_due = true;
	return send_hint_if_due(o);
}

/* The part that goes out next, in its form. Return: 0; -errno. */
static int send_part(struct outer *o, const uint8_t *at, size_t n, size_t *part)
{
	int r;

	if (o->passing) {
		*part = n < FRAME_BYTES ? n : FRAME_BYTES;
		return outer_write_plain(o, at, *part);
	}
	if (!o->tx_raw) {
		*part = next_part(o, at, n);
		r = send_frame(o, WS_BINARY, at, *part);
		return r ? r : shed_if_due(o);
	}
	*part = next_raw_part(o, at, n);
	r = *part > 0 ? send_raw(o, at, *part) : -EPIPE;
	return r ? r : send_hint_if_due(o);
}

int outer_send(struct outer *o, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	if (o->closing || o->state != OUTER_OPEN)
		return -EPIPE;
	if (buf_len(&o->net_out) + n > OUTER_QUEUE_MAX_BYTES)
		return -ENOBUFS;
	while (n > 0) {
		size_t part;
		int r = send_part(o, at, n, &part);

		if (r != 0)
			return r;
		at += part;
		n -= part;
	}
	return 0;
}

/* Receiving */

void outer_peer_finished(struct outer *o, const char *reason)
{
	if (o->state == OUTER_OPEN)
		outer_finish(o, reason);
	else
		outer_close(o, reason);
}

void outer_opened(struct outer *o)
{
	o->state = OUTER_OPEN;
	uv_timer_stop(&o->timer);
	o->cb->on_open(o);
}

/* Only a server's hints count. */
static void on_hint(struct outer *o, const struct hint *h)
{
	if (!o->is_server && o->state == OUTER_OPEN && o->cb->on_hint)
		o->cb->on_hint(o, h);
}

static void on_text(struct outer *o, const struct ws_event *ev)
{
	struct hint h;

	if (o->state == OUTER_READY && ev->len == 5 && memcmp(ev->payload, "ready", 5) == 0)
		outer_opened(o);
	else if (o->state == OUTER_OPEN && ev->len == 4 && memcmp(ev->payload, "shed", 4) == 0)
		o->shed_came = true;
	else if (hint_decode_text(&h, ev->payload, ev->len) == 0)
		on_hint(o, &h);
	/* Other hop messages are for later versions: ignored. */
}

static void on_ws_event(struct outer *o, const struct ws_event *ev)
{
	switch (ev->op) {
	case WS_TEXT:
		on_text(o, ev);
		break;
	case WS_PING:
		if (outer_send_short(o, WS_PONG, ev->payload, ev->len) == -ENOBUFS)
			outer_close(o, "peer sends pings and does not read");
		break;
	case WS_CLOSE:
		outer_peer_finished(o, "closed by peer");
		break;
	case WS_BINARY:
	case WS_CONT:
		if (o->state != OUTER_OPEN)
			outer_close(o, "data before \"ready\"");
		else if (ev->len > 0)
			o->cb->on_data(o, ev->payload, ev->len);
		break;
	case WS_PONG:
		break;
	}
}

/* The other side's last word in the outer layer was taken: nothing may be left behind it. */
static void begin_raw(struct outer *o)
{
	if (!o->shed_agreed || buf_len(&o->plain) > 0 || tls_pending(o->tls) > 0 ||
	    !ws_rx_idle(&o->rx)) {
		outer_close(o, "the outer layer was shed at a wrong place");
		return;
	}
	o->rx_raw = true;
	o->shed_due = true; /* R answers; E has said it already */
	if (shed_if_due(o) != 0 && !o->closing)
		outer_close(o, "the outer layer could not be shed");
}

static void pass_plain(struct outer *o)
{
	size_t n = buf_len(&o->plain);

	o->cb->on_data(o, buf_data(&o->plain), n);
	if (!o->closing)
		buf_consume(&o->plain, n);
}

/* Take apart what is in o->plain. Return: 0 all that is whole was taken; -ECANCELED stop. */
static int take_plain(struct outer *o)
{
	while (buf_len(&o->plain) > 0) {
		struct ws_event ev;
		size_t used = 0;
		int r;

		if (o->closing || o->paused || o->state == OUTER_FINISHING)
			return -ECANCELED;
		if (o->passing) {
			pass_plain(o);
			continue;
		}
		if (o->state == OUTER_HTTP) {
			r = outer_http_step(o);
			if (r == -EAGAIN)
				return 0;
			if (r != 0)
				return r;
			continue;
		}
		r = ws_rx_step(&o->rx, buf_data_mut(&o->plain), buf_len(&o->plain), &ev, &used);
		if (r == -EBADMSG) {
			outer_close(o, "malformed WebSocket frame");
			return -ECANCELED;
		}
		if (r == 0)
			on_ws_event(o, &ev);
		if (o->closing)
			return -ECANCELED;
		buf_consume(&o->plain, used);
		if (o->shed_came && !o->rx_raw) {
			begin_raw(o);
			return o->closing ? -ECANCELED : 0;
		}
		if (r == -EAGAIN)
			return 0;
	}
	return 0;
}

/*
 * Whole headers and what is there of bodies, without hints. @skip: bytes of a hint behind them.
 * Return: bytes to hand out.
 */
static size_t measure_raw(struct outer *o, const uint8_t *in, size_t len, size_t *skip)
{
	size_t at = 0, total;
	enum record_kind kind;

	if (o->piece > RECORD_HEADER_BYTES && len > o->piece)
		len = o->piece; /* a header that is cut comes whole next time */
	*skip = 0;
	while (at < len) {
		size_t body = o->rx_left < len - at ? o->rx_left : len - at;
		int r;

		at += body;
		o->rx_left -= body;
		if (at == len)
			break;
		r = record_raw_decode(in + at, len - at, &kind, &total);
		if (r == -EBADMSG)
			outer_close(o, "what came on the shed connection is no TLS record");
		if (r != 0)
			break;
		if (kind == RECORD_HINT) {
			if (len - at >= total)
				*skip = total;
			break;
		}
		o->rx_left = total;
	}
	return at;
}

/* Hand out what came bare. Return: 0 go on; -EAGAIN nothing whole; -ECANCELED stop. */
static int take_raw(struct outer *o)
{
	size_t skip, n;
	struct hint h;
	bool hinted;

	if (buf_len(&o->net_in) == 0)
		return -EAGAIN;
	n = measure_raw(o, buf_data(&o->net_in), buf_len(&o->net_in), &skip);
	if (o->closing)
		return -ECANCELED;
	if (n > 0)
		o->cb->on_data(o, buf_data(&o->net_in), n);
	if (o->closing)
		return -ECANCELED;
	hinted = skip > 0 && hint_decode_body(&h, buf_data(&o->net_in) + n + RECORD_HEADER_BYTES,
					      skip - RECORD_HEADER_BYTES) == 0;
	buf_consume(&o->net_in, n + skip);
	if (hinted)
		on_hint(o, &h);
	return o->closing ? -ECANCELED : n + skip > 0 ? 0 : -EAGAIN;
}

void outer_stream_pass(struct outer *o, const uint8_t *bytes, size_t n)
{
	size_t skip, passed = measure_raw(o, bytes, n, &skip), rest = n - passed - skip;

	if (o->closing)
		return;
	if (buf_append(&o->net_in, bytes + passed + skip, rest) != 0) {
		outer_close(o, "out of memory");
		return;
	}
	if (passed > 0)
		o->cb->on_passed(o, passed);
}

/* Open one record into o->plain. Return: 0; -EAGAIN; -ECANCELED. */
static int open_record(struct outer *o)
{
	uint8_t *at;
	size_t n;
	int r;

	if (o->plain_tcp)
		return outer_plain_read(o);
	r = buf_reserve(&o->plain, TLS_RECORD_MAX_BYTES, &at);
	if (r == 0)
		r = tls_read(o->tls, at, TLS_RECORD_MAX_BYTES, &n);
	switch (r) {
	case 0:
		buf_commit(&o->plain, n);
		return 0;
	case -EAGAIN:
		return -EAGAIN;
	case -EPIPE:
		outer_peer_finished(o, "closed by peer");
		return -ECANCELED;
	case -ENOBUFS:
		outer_close(o, "a frame or head is too long");
		return -ECANCELED;
	default:
		outer_fail(o, "%s", o->tls->reason[0] ? o->tls->reason : "out of memory");
		return -ECANCELED;
	}
}

static bool begin_http(struct outer *o)
{
	o->state = OUTER_HTTP;
	if (!o->is_server)
		outer_http_send_request(o);
	return !o->closing;
}

/* Return: true when the handshake is done. */
static bool shake_hands(struct outer *o)
{
	char words[TLS_INSPECTION_SIZE];
	int r;

	if (o->plain_tcp) {
		snprintf(o->version, sizeof(o->version), "none");
		return begin_http(o);
	}
	r = tls_handshake(o->tls);

	outer_flush_later(o); /* the flight, or the alert that says why */
	if (r == -EAGAIN)
		return false;
	if (r != 0) {
		snprintf(o->reason, sizeof(o->reason), "%s", o->tls->reason);
		(void)outer_send_queued(o);
		outer_close(o, o->tls->reason);
		return false;
	}
	snprintf(o->version, sizeof(o->version), "%s", tls_version(o->tls));
	snprintf(o->cipher, sizeof(o->cipher), "%s", tls_cipher(o->tls));
	if (o->is_server || !tls_refuses(o->tls))
		return begin_http(o);
	outer_fail(o, "%s; refused (inspection = refuse)",
		   tls_peer_inspection(outer_tls_peer(o), words));
	return false;
}

/* The owner is asked once, when there is something to do. */
static bool may_begin(struct outer *o)
{
	if (buf_len(&o->net_in) == 0)
		return false;
	o->await_begin = false;
	o->cb->on_begin(o);
	return !o->paused && !o->closing;
}

int outer_stream_step(struct outer *o)
{
	if (o->rx_raw) {
		free_layer(o);
		return take_raw(o);
	}
	if (o->await_client) {
		int r = outer_plain_client(o);

		if (r != 0)
			return r;
	}
	if (o->await_begin && !may_begin(o))
		return -EAGAIN;
	if (o->state == OUTER_PROXY)
		return outer_proxy_step(o);
	if (o->state == OUTER_TLS && (!outer_proxy_is_tls(o) || !shake_hands(o)))
		return -EAGAIN;
	if (take_plain(o) != 0)
		return -ECANCELED;
	return o->rx_raw ? 0 : open_record(o);
}
