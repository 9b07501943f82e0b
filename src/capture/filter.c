/* SPDX-License-Identifier: BSD-2-Clause */
/* See filter.h. */
#include "capture/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "capture/libpcap.h"

/* Link types compiled for; captures rarely hold more than two. */
#define PROGRAMS_MAX 64

struct program {
	uint32_t linktype;
	bool usable;
	struct bpf_program code;
};

struct filter {
	const struct libpcap *lib;
	char *text;
	struct program programs[PROGRAMS_MAX];
	int count;
};

/* Files number a few link types otherwise than pcap_open_dead(3PCAP) on Linux does. */
static int dlt_of(uint32_t linktype)
{
	static const struct {
		uint16_t linktype, dlt;
	} differing[] = {{100, DLT_ATM_RFC1483}, {101, DLT_RAW}, {102, DLT_SLIP_BSDOS},
	    {103, DLT_PPP_BSDOS}, {106, DLT_ATM_CLIP}};
	uint16_t type = (uint16_t)linktype; /* the upper bits tell about the FCS */

	for (size_t i = 0; i < sizeof(differing) / sizeof(differing[0]); i++)
		if (differing[i].linktype == type)
			return differing[i].dlt;
	return type;
}

static int compile(
    const struct filter *f, uint32_t linktype, struct bpf_program *ret_code, char *ret_error)
{
	const struct libpcap *lib = f->lib;
	pcap_t *dead = lib->pcap_open_dead(dlt_of(linktype), (int)PACKET_MAX_CAPLEN);
	int rv = 0;

	if (dead == NULL)
		return -ENOMEM;
	if (lib->pcap_compile(dead, ret_code, f->text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		(void)snprintf(ret_error, FILTER_ERROR_SIZE, "%s", lib->pcap_geterr(dead));
		rv = -EINVAL;
	}
	lib->pcap_close(dead);
	return rv;
}

int filter_new(const char *text, struct filter **ret_filter, char *ret_error)
{
	struct filter *f = calloc(1, sizeof(*f));
	const char *why;
	int rv;

	if (f == NULL)
		return -ENOMEM;
	f->lib = libpcap_load(&why);
	if (f->lib == NULL) {
		(void)snprintf(ret_error, FILTER_ERROR_SIZE, "%s", why);
		filter_free(f);
		return -ELIBACC;
	}
	f->text = strdup(text);
	rv = f->text == NULL ? -ENOMEM : compile(f, DLT_EN10MB, &f->programs[0].code, ret_error);
	if (rv != 0) {
		filter_free(f);
		return rv;
	}
	f->programs[0].linktype = DLT_EN10MB;
	f->programs[0].usable = true;
	f->count = 1;
	*ret_filter = f;
	return 0;
}

static struct program *program_for(struct filter *f, uint32_t linktype)
{
	char error[FILTER_ERROR_SIZE] = "too many link types";
	struct program *p;

	for (int i = 0; i < f->count; i++)
		if (f->programs[i].linktype == linktype)
			return &f->programs[i];
	if (f->count == PROGRAMS_MAX)
		return NULL;
	p = &f->programs[f->count++];
	p->linktype = linktype;
	p->usable = compile(f, linktype, &p->code, error) == 0;
	if (!p->usable)
		log_warning("filter",
		    "cannot be used on link type %u: %s; its packets are filtered, continuing",
		    linktype & 0xffff, error);
	return p;
}

bool filter_match(struct filter *f, const struct packet *p)
{
	struct program *prog = program_for(f, p->linktype);

	return prog != NULL && prog->usable &&
	       f->lib->bpf_filter(prog->code.bf_insns, p->data, p->origlen, p->caplen) != 0;
}

void filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	for (int i = 0; i < f->count; i++)
		if (f->programs[i].usable)
			f->lib->pcap_freecode(&f->programs[i].code);
	free(f->text);
	free(f);
}
