/* The inline functions of DPDK's headers that Rust calls, and the layouts that it relies on, checked against the installed
 * headers. Nothing here runs once per packet, but for those that end with memory of others. */
#include "dpdk.h"

#include <stddef.h>

#define AT(field, offset) \
	_Static_assert(offsetof(struct rte_mbuf, field) == (offset), "src/dpdk.rs mirrors rte_mbuf." #field)

_Static_assert(sizeof(struct rte_mbuf) == 128, "src/dpdk.rs mirrors rte_mbuf");
AT(buf_addr, 0);
AT(data_off, 16);
AT(refcnt, 18);
AT(nb_segs, 20);
AT(port, 22);
AT(ol_flags, 24);
AT(packet_type, 32);
AT(pkt_len, 36);
AT(data_len, 40);
AT(buf_len, 54);
AT(pool, 56);
AT(next, 64);
AT(tx_offload, 72);
AT(shinfo, 80);
AT(priv_size, 88);
_Static_assert(RTE_MBUF_L2_LEN_BITS == 7 && RTE_MBUF_L3_LEN_BITS == 9 && RTE_MBUF_L4_LEN_BITS == 8,
	       "drivers/src/dpdk lays out tx_offload");

int adit_errno(void)
{
	return rte_errno;
}

unsigned int adit_lcore_id(void)
{
	return rte_lcore_id();
}

int adit_mempool_get_bulk(struct rte_mempool *mempool, void **mbufs, unsigned int count)
{
	return rte_mempool_get_bulk(mempool, mbufs, count);
}

void adit_mempool_put_bulk(struct rte_mempool *mempool, void *const *mbufs, unsigned int count)
{
	rte_mempool_put_bulk(mempool, mbufs, count);
}

void adit_pktmbuf_free(struct rte_mbuf *mbuf)
{
	rte_pktmbuf_free(mbuf);
}

void adit_pktmbuf_chain(struct rte_mbuf *first, struct rte_mbuf *second, void *start, uint16_t length,
			struct rte_mbuf_ext_shared_info *shared)
{
	second->ol_flags = 0;
	/* EAL was started with --iova-mode=va: devices know memory by the addresses of the process. */
	rte_pktmbuf_attach_extbuf(second, start, (rte_iova_t)(uintptr_t)start, length, shared);
	second->data_len = length;
	second->pkt_len = length;
	first->next = second;
	first->nb_segs = 2;
	first->pkt_len = first->data_len + (uint32_t)length;
}

struct rte_mbuf *adit_pktmbuf_unchain(struct rte_mbuf *first)
{
	struct rte_mbuf *second = first->next;

	/* One more reference for the one that goes: that of the packet stays with the caller. */
	rte_mbuf_ext_refcnt_update(second->shinfo, 1);
	rte_pktmbuf_detach(second);
	first->next = NULL;
	first->nb_segs = 1;
	first->pkt_len = first->data_len;
	return second;
}

int adit_link_is_up(uint16_t port)
{
	struct rte_eth_link link;
	int error = rte_eth_link_get_nowait(port, &link);

	return error < 0 ? error : link.link_status;
}
