//! Rules by which a device puts flows into queues ("Generic flow API" in the programmer's guide of DPDK).

use std::mem::MaybeUninit;
use std::ptr;

use adit_sys::dpdk as sys;

use super::setup::Port;

impl Port {
    /// Datagrams to a UDP port go into a queue, over both IPs or not at all. The rules end with the device.
    pub(super) fn steer_udp_port(&self, udp_port: u16, queue: u16) -> bool {
        let make = |ip| self.rule(ip, udp_port, queue);
        let Some(first) = make(sys::RTE_FLOW_ITEM_TYPE_IPV4) else { return false };
        if make(sys::RTE_FLOW_ITEM_TYPE_IPV6).is_some() {
            return true;
        }
        // SAFETY: a rule of this port, which was made just now. Where the reason of a failure goes may be null.
        unsafe { sys::rte_flow_destroy(self.number, first, ptr::null_mut()) };
        false
    }

    /// A rule, or nothing if the device has none of this kind. Whether it agrees to validate one says little.
    fn rule(&self, ip: sys::rte_flow_item_type, udp_port: u16, queue: u16) -> Option<*mut sys::rte_flow> {
        // SAFETY: numbers, for which zeroes mean "any".
        let mut attributes = unsafe { MaybeUninit::<sys::rte_flow_attr>::zeroed().assume_init() };
        attributes.set_ingress(1);
        // SAFETY: as above.
        let mut port = unsafe { MaybeUninit::<sys::rte_flow_item_udp>::zeroed().assume_init() };
        let mut mask = port;
        (port.hdr.dst_port, mask.hdr.dst_port) = (udp_port.to_be(), u16::MAX);
        let any =
            |type_| sys::rte_flow_item { type_, spec: ptr::null(), last: ptr::null(), mask: ptr::null() };
        let (port, mask) = ((&raw const port).cast(), (&raw const mask).cast());
        let udp = sys::rte_flow_item { spec: port, mask, ..any(sys::RTE_FLOW_ITEM_TYPE_UDP) };
        let pattern = [any(sys::RTE_FLOW_ITEM_TYPE_ETH), any(ip), udp, any(sys::RTE_FLOW_ITEM_TYPE_END)];
        let target = sys::rte_flow_action_queue { index: queue };
        let action = |type_, conf| sys::rte_flow_action { type_, conf };
        let actions = [
            action(sys::RTE_FLOW_ACTION_TYPE_QUEUE, (&raw const target).cast()),
            action(sys::RTE_FLOW_ACTION_TYPE_END, ptr::null()),
        ];
        // SAFETY: a started port; a list of items and one of actions, each with its end; all that they point to lives
        // until the call is over.
        let rule = unsafe {
            sys::rte_flow_create(
                self.number,
                &raw const attributes,
                pattern.as_ptr(),
                actions.as_ptr(),
                ptr::null_mut(),
            )
        };
        (!rule.is_null()).then_some(rule)
    }
}
