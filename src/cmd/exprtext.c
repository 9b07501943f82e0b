/* SPDX-License-Identifier: BSD-2-Clause */
/* See exprtext.h. */
#include "cmd/exprtext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"

/* Of a long text only the neighbourhood of the fault is shown, with dots for the rest. */
#define SHOWN_COLUMNS  72u
#define BEFORE_COLUMNS 24u
#define DOTS           "..."
#define LINE_SIZE      (SHOWN_COLUMNS + 2 * sizeof(DOTS) + 8)

int exprtext_join(char *const *words, unsigned count, char **ret_text)
{
	size_t size = 1, n = 0;
	char *text;

	for (unsigned i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	text = malloc(size);
	if (text == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		size_t length = strlen(words[i]);

		if (i > 0)
			text[n++] = ' ';
		memcpy(text + n, words[i], length);
		n += length;
	}
	text[n] = '\0';
	*ret_text = text;
	return 0;
}

/* A byte as it is shown: one column, or four where it is escaped. */
struct cell {
	char text[8];
	size_t columns;
};

static struct cell cell_of(char c)
{
	struct cell cell;

	(void)log_printable(cell.text, sizeof(cell.text), (char[]){c, '\0'});
	cell.columns = strlen(cell.text);
	return cell;
}

/* Where to begin so that the fault is seen with something before it. */
static size_t first_shown(const char *text, size_t at)
{
	size_t columns = 0, first = at;

	while (first > 0) {
		columns += cell_of(text[first - 1]).columns;
		if (columns > BEFORE_COLUMNS)
			break;
		first--;
	}
	return first;
}

static bool fits(const char *text)
{
	size_t columns = 0;

	for (; *text != '\0' && columns <= SHOWN_COLUMNS; text++)
		columns += cell_of(*text).columns;
	return columns <= SHOWN_COLUMNS;
}

/* Two lines that grow side by side: the text, and the marks under it. */
struct picture {
	char text[LINE_SIZE], marks[LINE_SIZE];
	size_t columns;
};

static void draw(struct picture *p, const char *text, char mark, char more_marks)
{
	for (; *text != '\0'; text++, p->columns++, mark = more_marks) {
		p->text[p->columns] = *text;
		p->marks[p->columns] = mark;
	}
}

static void trim(char *line, size_t length)
{
	while (length > 0 && line[length - 1] == ' ')
		length--;
	line[length] = '\0';
}

static void draw_fault(struct picture *p, const char *text, const struct expr_error *error)
{
	size_t end = error->at + error->length;
	size_t i = fits(text) ? 0 : first_shown(text, error->at);

	draw(p, i > 0 ? DOTS : "", ' ', ' ');
	for (; text[i] != '\0' && p->columns < SHOWN_COLUMNS; i++) {
		char mark = i >= error->at && i < end ? '~' : ' ';

		draw(p, cell_of(text[i]).text, i == error->at ? '^' : mark, mark);
	}
	if (text[i] != '\0')
		draw(p, DOTS, ' ', ' ');
	else if (i == error->at)
		draw(p, " ", '^', ' ');
	trim(p->text, p->columns);
	trim(p->marks, p->columns);
}

int exprtext_parse(const char *component, const char *text, struct expr **ret_expr)
{
	struct picture p = {.columns = 0};
	struct expr_error error;
	int rv = expr_parse(text, clk_wall().ns, ret_expr, &error);

	if (rv == -EINVAL) {
		draw_fault(&p, text, &error);
		log_error("options", "%s: %s\n  %s\n  %s", component, error.text, p.text, p.marks);
	} else if (rv != 0) {
		log_error(
		    "options", "%s: cannot read the expression: %s", component, strerror(-rv));
	}
	return rv;
}
