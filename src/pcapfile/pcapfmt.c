/* SPDX-License-Identifier: BSD-2-Clause */
/* See pcapfmt.h. */
#include "pcapfile/pcapfmt.h"

#include <assert.h>
#include <string.h>

void pcapfmt_file_header(uint32_t linktype, uint8_t *buf)
{
	memset(buf, 0, PCAPFMT_FILE_HEADER_BYTES);
	pcapfmt_put_le32(buf, PCAPFMT_MAGIC_NS);
	buf[4] = 2;
	buf[6] = 4;
	pcapfmt_put_le32(buf + 16, PACKET_MAX_CAPLEN);
	pcapfmt_put_le32(buf + 20, linktype);
}

bool pcapfmt_time_fits(int64_t ts_ns)
{
	return ts_ns >= 0 && ts_ns / 1000000000 <= UINT32_MAX;
}

void pcapfmt_record_header(const struct packet *p, uint32_t kept_bytes, uint8_t *buf)
{
	assert(pcapfmt_time_fits(p->ts_ns) && kept_bytes <= p->caplen);
	pcapfmt_put_le32(buf, (uint32_t)(p->ts_ns / 1000000000));
	pcapfmt_put_le32(buf + 4, (uint32_t)(p->ts_ns % 1000000000));
	pcapfmt_put_le32(buf + 8, kept_bytes);
	pcapfmt_put_le32(buf + 12, p->origlen);
}
