// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A main function for fuzz targets where libFuzzer is not at hand (gcc, `make check`):
 *
 *   fuzz_x [--random N SEED] FILE|FOLDER...
 *
 * feeds every file to the target, then N inputs mutated from them. The same seed and files give the
 * same inputs. Prints one line at the end; if the target dies, the input that did it, in hex.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX_BYTES (1 << 17)
#define CORPUS_MAX 4096
#define GROW_MAX_BYTES 64

struct input {
	uint8_t *bytes;
	size_t len;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Only where a sanitizer is linked. The name is the sanitizer's. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static struct input corpus[CORPUS_MAX];
static size_t n_corpus;
static struct input current;
static uint64_t random_state = 1;

/* xorshift64*; the top bits are the good ones. */
static uint32_t random_u32(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(2685821657736338717)) >> 32);
}

static size_t random_below(size_t n)
{
	return n ? random_u32() % n : 0;
}

static void die(const char *what, const char *path)
{
	fprintf(stderr, "replay: %s %s\n", what, path);
	exit(2);
}

static void write_all(const char *text, size_t len)
{
	ssize_t ignored = write(STDERR_FILENO, text, len);

	(void)ignored;
}

/* Called while the process dies: only write() is safe. */
static void show_current(void)
{
	static const char digits[] = "0123456789abcdef";
	char pair[2];

	write_all("replay: input: ", 15);
	for (size_t i = 0; i < current.len; i++) {
		pair[0] = digits[current.bytes[i] >> 4];
		pair[1] = digits[current.bytes[i] & 15];
		write_all(pair, 2);
	}
	write_all("\n", 1);
}

static void on_signal(int signal)
{
	(void)signal;
	show_current();
	/* The handler is gone (SA_RESETHAND): returning dies of the same cause. */
}

static void show_input_on_death(void)
{
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(show_current);
		return;
	}
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* In memory of its exact size, so that the address sanitizer sees reads beyond it. */
static void run(const uint8_t *bytes, size_t len)
{
	current.bytes = malloc(len ? len : 1);
	current.len = len;
	if (!current.bytes)
		die("no memory for", "an input");
	if (len)
		memcpy(current.bytes, bytes, len);
	LLVMFuzzerTestOneInput(current.bytes, len);
	free(current.bytes);
	current.bytes = NULL;
	current.len = 0;
}

static void load_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct input *in = &corpus[n_corpus];

	if (!f)
		die("cannot open", path);
	if (n_corpus == CORPUS_MAX)
		die("too many files, at", path);
	in->bytes = malloc(INPUT_MAX_BYTES);
	if (!in->bytes)
		die("no memory for", path);
	in->len = fread(in->bytes, 1, INPUT_MAX_BYTES, f);
	fclose(f);
	n_corpus++;
}

static int without_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In the order of their names: a seed must mean the same everywhere. */
static void load(const char *path)
{
	struct dirent **names = NULL;
	char below[4096];
	struct stat st;
	int n;

	if (stat(path, &st) != 0)
		die("cannot find", path);
	if (!S_ISDIR(st.st_mode)) {
		load_file(path);
		return;
	}
	n = scandir(path, &names, without_dots, alphasort);
	if (n < 0)
		die("cannot read", path);
	for (int i = 0; i < n; i++) {
		if (snprintf(below, sizeof(below), "%s/%s", path, names[i]->d_name) <
		    (int)sizeof(below))
			load_file(below);
		free(names[i]);
	}
	free(names);
}

static void overwrite(struct input *in)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, ' ', '\n', '"', '{'};
	size_t at = random_below(in->len);

	if (in->len == 0)
		return;
	switch (random_below(4)) {
	case 0:
		in->bytes[at] ^= (uint8_t)(1U << random_below(8));
		break;
	case 1:
		in->bytes[at] = (uint8_t)random_u32();
		break;
	case 2:
		in->bytes[at] = values[random_below(sizeof(values))];
		break;
	case 3:
		in->bytes[at] = (uint8_t)(in->bytes[at] + (random_below(2) ? 1 : -1));
		break;
	}
}

static void delete_part(struct input *in)
{
	size_t at = random_below(in->len);
	size_t n = 1 + random_below(random_below(4) ? 4 : in->len - at);

	if (n > in->len - at)
		n = in->len - at;
	memmove(in->bytes + at, in->bytes + at + n, in->len - at - n);
	in->len -= n;
}

/* Opens a gap, filled with random bytes or with a part of some other input. */
static void insert_part(struct input *in)
{
	const struct input *other = &corpus[random_below(n_corpus)];
	size_t at = random_below(in->len + 1);
	size_t n = 1 + random_below(random_below(4) ? 4 : GROW_MAX_BYTES);
	size_t from;

	if (in->len + n > INPUT_MAX_BYTES)
		return;
	memmove(in->bytes + at + n, in->bytes + at, in->len - at);
	in->len += n;
	if (n_corpus > 0 && other->len >= n && random_below(2)) {
		from = random_below(other->len - n + 1);
		memcpy(in->bytes + at, other->bytes + from, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		in->bytes[at + i] = (uint8_t)random_u32();
}

static void mutate(struct input *in)
{
	for (size_t steps = 1 + random_below(5); steps > 0; steps--) {
		switch (random_below(6)) {
		case 0:
			delete_part(in);
			break;
		case 1:
			insert_part(in);
			break;
		default:
			overwrite(in);
			break;
		}
	}
}

static void run_random(unsigned long count)
{
	static uint8_t bytes[INPUT_MAX_BYTES];
	struct input in = {.bytes = bytes};

	for (unsigned long i = 0; i < count; i++) {
		const struct input *base = &corpus[random_below(n_corpus)];

		in.len = n_corpus > 0 ? base->len : 0;
		if (in.len)
			memcpy(in.bytes, base->bytes, in.len);
		mutate(&in);
		run(in.bytes, in.len);
	}
}

int main(int argc, char **argv)
{
	unsigned long count = 0;

	show_input_on_death();
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--random") == 0 && i + 2 < argc) {
			count = strtoul(argv[i + 1], NULL, 10);
			random_state = strtoull(argv[i + 2], NULL, 10) | (UINT64_C(1) << 63);
			i += 2;
		} else {
			load(argv[i]);
		}
	}
	for (size_t i = 0; i < n_corpus; i++)
		run(corpus[i].bytes, corpus[i].len);
	run_random(count);
	printf("%zu files, %lu mutations\n", n_corpus, count);
	for (size_t i = 0; i < n_corpus; i++)
		free(corpus[i].bytes);
	return 0;
}
