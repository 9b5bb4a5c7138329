/* What Adit uses of DPDK: its headers, its flags that are macros, and its inline functions as real ones. */
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_version.h>

static const uint64_t ADIT_RX_OFFLOAD_IPV4_CKSUM = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
static const uint64_t ADIT_RX_OFFLOAD_UDP_CKSUM = RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
static const uint64_t ADIT_RX_OFFLOAD_TCP_CKSUM = RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
static const uint64_t ADIT_TX_OFFLOAD_IPV4_CKSUM = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
static const uint64_t ADIT_TX_OFFLOAD_UDP_CKSUM = RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
static const uint64_t ADIT_TX_OFFLOAD_TCP_CKSUM = RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
static const uint64_t ADIT_TX_OFFLOAD_MULTI_SEGS = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
static const uint64_t ADIT_TX_OFFLOAD_MBUF_FAST_FREE = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;

static const uint64_t ADIT_RX_IP_CKSUM_MASK = RTE_MBUF_F_RX_IP_CKSUM_MASK;
static const uint64_t ADIT_RX_IP_CKSUM_GOOD = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
static const uint64_t ADIT_RX_IP_CKSUM_BAD = RTE_MBUF_F_RX_IP_CKSUM_BAD;
static const uint64_t ADIT_RX_L4_CKSUM_MASK = RTE_MBUF_F_RX_L4_CKSUM_MASK;
static const uint64_t ADIT_RX_L4_CKSUM_GOOD = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
static const uint64_t ADIT_RX_L4_CKSUM_BAD = RTE_MBUF_F_RX_L4_CKSUM_BAD;
static const uint64_t ADIT_TX_IP_CKSUM = RTE_MBUF_F_TX_IP_CKSUM;
static const uint64_t ADIT_TX_IPV4 = RTE_MBUF_F_TX_IPV4;
static const uint64_t ADIT_TX_IPV6 = RTE_MBUF_F_TX_IPV6;
static const uint64_t ADIT_TX_TCP_CKSUM = RTE_MBUF_F_TX_TCP_CKSUM;
static const uint64_t ADIT_TX_UDP_CKSUM = RTE_MBUF_F_TX_UDP_CKSUM;
static const uint64_t ADIT_MBUF_EXTERNAL = RTE_MBUF_F_EXTERNAL;
static const uint64_t ADIT_MBUF_INDIRECT = RTE_MBUF_F_INDIRECT;

static const uint64_t ADIT_RSS_IPV4 = RTE_ETH_RSS_IPV4;
static const uint64_t ADIT_RSS_IPV4_UDP = RTE_ETH_RSS_NONFRAG_IPV4_UDP;
static const uint64_t ADIT_RSS_IPV4_TCP = RTE_ETH_RSS_NONFRAG_IPV4_TCP;
static const uint64_t ADIT_RSS_IPV6 = RTE_ETH_RSS_IPV6;
static const uint64_t ADIT_RSS_IPV6_UDP = RTE_ETH_RSS_NONFRAG_IPV6_UDP;
static const uint64_t ADIT_RSS_IPV6_TCP = RTE_ETH_RSS_NONFRAG_IPV6_TCP;
static const uint32_t ADIT_MQ_RX_NONE = RTE_ETH_MQ_RX_NONE;
static const uint32_t ADIT_MQ_RX_RSS = RTE_ETH_MQ_RX_RSS;
static const uint32_t ADIT_LCORE_ID_ANY = LCORE_ID_ANY;
static const uint16_t ADIT_MBUF_HEADROOM_BYTES = RTE_PKTMBUF_HEADROOM;

/* rte_errno of this thread. */
int adit_errno(void);
/* The number that EAL knows this thread by, or ADIT_LCORE_ID_ANY. */
unsigned int adit_lcore_id(void);
/* Takes `count` raw mbufs out of a mempool, or none: 0 or a negative error number. */
int adit_mempool_get_bulk(struct rte_mempool *mempool, void **mbufs, unsigned int count);
/* Gives raw mbufs (refcnt 1, one segment, no next) back. */
void adit_mempool_put_bulk(struct rte_mempool *mempool, void *const *mbufs, unsigned int count);
/* Frees an mbuf and all its segments, whatever they are. */
void adit_pktmbuf_free(struct rte_mbuf *mbuf);
/* Lets a packet of one segment end with `length` bytes from `start` on, in the header `second`: `shared` has a reference
 * for it, and tells whom to call when the last one goes. Both headers are raw mbufs. */
void adit_pktmbuf_chain(struct rte_mbuf *first, struct rte_mbuf *second, void *start, uint16_t length,
			struct rte_mbuf_ext_shared_info *shared);
/* Takes them apart again, calls nobody, and returns `second`. */
struct rte_mbuf *adit_pktmbuf_unchain(struct rte_mbuf *first);
/* Whether a link is up. A negative error number if the device does not say. */
int adit_link_is_up(uint16_t port);
