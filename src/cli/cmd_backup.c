/* SPDX-License-Identifier: Apache-2.0 */
/*
 * him backup and him restore: on the server's own machine, by whoever may read its data folder. A backup is taken while
 * everything runs; a restore wants the server stopped, holds its lock, and begins a new generation, so that every agent
 * reports in full again.
 */
#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "store/backup.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const files[] = {
	"keys/ca.key", "keys/ca.pem", "keys/sign.key", "keys/box.key", "keys/server.id", NULL};

#define PASSPHRASE_MAX (SECRET_MAX + 1)

static int passphrase_take(
	struct cli *c, const struct args *a, bool twice, char out[PASSPHRASE_MAX], struct err *e)
{
	const char *file = args_get(a, "passphrase-file");
	struct buf b;
	int rc;

	if (!file)
		return twice ? terminal_new_secret(
				       "Passphrase of the backup: ", "--passphrase-file", out, e)
			     : terminal_secret(
				       "Passphrase of the backup: ", "--passphrase-file", out, e);
	buf_init(&b, PASSPHRASE_MAX - 1);
	rc = file_read(file, &b, e);
	if (rc == 0)
		snprintf(out, PASSPHRASE_MAX, "%s", text_trim(b.data ? b.data : (char[]){""}));
	if (b.data)
		explicit_bzero(b.data, b.len);
	buf_release(&b);
	return rc;
}

int cmd_backup(struct cli *c, const struct args *a, struct err *e)
{
	char passphrase[PASSPHRASE_MAX], size[32];
	int rc = passphrase_take(c, a, true, passphrase, e);

	if (rc == 0)
		rc = backup_write(cli_home(c), files, a->words[0], passphrase, e);
	explicit_bzero(passphrase, sizeof passphrase);
	if (rc == 0 && !c->json) {
		struct buf b;
		buf_init(&b, SIZE_MAX / 2);
		if (file_read(a->words[0], &b, NULL) == 0)
			printf("%s, %s\n", a->words[0], text_size_format((int64_t)b.len, size));
		buf_release(&b);
	}
	return rc;
}

int cmd_restore(struct cli *c, const struct args *a, struct err *e)
{
	const char *home = cli_home(c), *lock = arena_printf(c->arena, "%s/server/lock", home);
	char passphrase[PASSPHRASE_MAX];
	int fd, rc;

	if (file_mkdirs(arena_printf(c->arena, "%s/server", home), 0700, e) < 0)
		return -1;
	fd = file_lock(lock, NULL, e);
	if (fd < 0)
		return e->code == ERR_CONFLICT
			? err_set(e, ERR_CONFLICT,
				  "the server of %s runs: stop it first (him down)", home)
			: -1;
	rc = passphrase_take(c, a, false, passphrase, e);
	if (rc == 0)
		rc = backup_restore(home, files, a->words[0], passphrase, e);
	explicit_bzero(passphrase, sizeof passphrase);
	close(fd);
	if (rc == 0)
		printf("restored into %s; every agent will report in full again\n", home);
	return rc;
}
