/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP ports whose protocols carry addresses by their nature: tunnels, and what networks talk among
 * themselves to assign addresses, find routes, agree on keys, pass translators, report on traffic.
 * Applications may tell addresses too (DNS, SIP, SNMP ...): theirs is payload like any other.
 *
 * Ports above 32767 are not here: systems hand those out to clients by chance.
 *
 * Source:      IANA "Service Name and Transport Protocol Port Number Registry"; where another use
 * than the registered one is meant, it is said.
 */
#include "packet/scrub_private.h"

/* The compiler makes a search of a few steps of this, and finds numbers that stand here twice. */
static bool hides(uint16_t port)
{
	switch (port) {
	case 67:   /* bootps: DHCP, RFC 2131 */
	case 68:   /* bootpc */
	case 137:  /* netbios-ns, RFC 1002 */
	case 138:  /* netbios-dgm: its header has the sender's address */
	case 269:  /* manet, RFC 5498 */
	case 434:  /* mobileip-agent, RFC 5944; a tunnel too, RFC 3519 */
	case 496:  /* pim-rp-disc */
	case 500:  /* isakmp: IKE, RFC 7296 */
	case 520:  /* router: RIP, RFC 2453 */
	case 521:  /* ripng, RFC 2080 */
	case 546:  /* dhcpv6-client, RFC 8415 */
	case 547:  /* dhcpv6-server */
	case 646:  /* ldp, RFC 5036 */
	case 654:  /* aodv, RFC 3561 */
	case 698:  /* olsr, RFC 3626 */
	case 699:  /* accessnetwork: A11, a kind of mobile IP */
	case 1645: /* RADIUS before it had ports of its own */
	case 1646:
	case 1698:  /* rsvp-encap-1, RFC 2205 appendix C */
	case 1699:  /* rsvp-encap-2 */
	case 1701:  /* l2f, l2tp: RFC 2341, RFC 2661, RFC 3931 */
	case 1812:  /* radius, RFC 2865: the address that a user gets */
	case 1813:  /* radius-acct, RFC 2866 */
	case 1985:  /* hsrp, RFC 2281 */
	case 2029:  /* hsrpv6 */
	case 2048:  /* WCCP; registered as dls-monitor */
	case 2055:  /* NetFlow, RFC 3954; registered as iop */
	case 2123:  /* gtp-control, 3GPP TS 29.060, TS 29.274 */
	case 2152:  /* gtp-user, 3GPP TS 29.281 */
	case 2268:  /* amt: multicast tunnels, RFC 7450 */
	case 3222:  /* glbp */
	case 3386:  /* gprs-sig: GTP', 3GPP TS 32.295 */
	case 3455:  /* prsvp */
	case 3478:  /* stun, turn, RFC 8489, RFC 8656: a client's address as others see it */
	case 3503:  /* lsp-ping, RFC 8029 */
	case 3544:  /* teredo, RFC 4380 */
	case 3799:  /* radius-dynauth, RFC 5176 */
	case 4011:  /* altserviceboot: DHCP of PXE */
	case 4341:  /* lisp-data, RFC 9300 */
	case 4342:  /* lisp-control, RFC 9301 */
	case 4500:  /* ipsec-nat-t: IKE and ESP, RFC 3948 */
	case 4739:  /* ipfix, RFC 7011 */
	case 4754:  /* gre-in-udp, RFC 8086 */
	case 4755:  /* gre-udp-dtls */
	case 4789:  /* vxlan, RFC 7348 */
	case 4790:  /* vxlan-gpe */
	case 5072:  /* ayiya: a tunnel */
	case 5246:  /* capwap-control, RFC 5415 */
	case 5247:  /* capwap-data */
	case 5349:  /* stuns, turns */
	case 5350:  /* pcp-multicast: announcements of NAT-PMP, RFC 6886 */
	case 5351:  /* pcp, RFC 6887 */
	case 5436:  /* pmip6-cntl: proxy mobile IPv6, RFC 5844 */
	case 5437:  /* pmip6-data */
	case 6080:  /* gue: generic UDP encapsulation */
	case 6081:  /* geneve, RFC 8926 */
	case 6343:  /* sflow: headers of sampled packets */
	case 6635:  /* mpls-udp, RFC 7510 */
	case 6636:  /* mpls-udp-dtls */
	case 6696:  /* babel, RFC 8966 */
	case 8472:  /* VXLAN, as Linux has it by default; registered as otv, a tunnel too */
	case 8805:  /* pfcp, 3GPP TS 29.244 */
	case 9899:  /* sctp-tunneling, RFC 6951: INIT lists addresses */
	case 10500: /* hip-nat-t, RFC 9028 */
	case 12222: /* LWAPP, RFC 5412: data, control */
	case 12223:
		return true;
	default:
		return false;
	}
}

bool scrub_hides_behind(uint16_t sport, uint16_t dport)
{
	return hides(sport) || hides(dport);
}
