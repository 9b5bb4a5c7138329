//! Which shard the server's device leads to from which port: asked for once under each map, by a client that can choose its
//! ports. Who is not told, because the server does not know the question or nothing is hashed, goes on as it is: what comes to
//! the wrong shard is handed over there.

use std::net::SocketAddr;

use adit_drivers::dpdk::rss::{Hashed, Rss};
use adit_wire::native::reply::Reply;
use adit_wire::native::steering::Steering;
use adit_wire::native::{Opcode, Status};

use super::peer::{Link, Peer};
use super::{Core, HOME};
use crate::error::{Caller, Error};

/// What is known of the device.
#[derive(Default)]
pub(super) struct Steered {
    /// The client can choose its ports.
    chooses_ports: bool,
    /// Under which map it was asked for; whether there was an answer or not.
    epoch: u64,
    /// What has come and was not fetched.
    rss: Option<Rss>,
}

impl Core {
    /// Says that datagrams to a shard may leave from any port, so that it is worth while to ask which one leads to it. See
    /// [`Core::next_steering`].
    pub fn choose_ports(&mut self) {
        self.steered.chooses_ports = !self.has_streams();
    }

    /// Whether the steering is not known yet under this map.
    pub fn wants_steering(&self) -> bool {
        let has_others = self.route.map.as_ref().is_some_and(|map| map.addresses.len() > 1);
        self.steered.chooses_ports && has_others && self.steered.epoch != self.epoch()
    }

    /// How the server's device spreads datagrams over its shards, once after it was heard.
    #[inline]
    pub fn next_steering(&mut self) -> Option<Rss> {
        self.steered.rss.take()
    }

    /// Where each shard is, in their order.
    pub fn shard_addresses(&self) -> Vec<SocketAddr> {
        let map = self.route.map.as_ref();
        let mut addresses: Vec<_> =
            map.iter().flat_map(|map| &map.addresses).map(|address| self.resolve(*address)).collect();
        if let Some(home) = self.route.home.and_then(|home| addresses.get_mut(usize::from(home))) {
            *home = self.peers[HOME].address;
        }
        addresses
    }

    /// The shard at this address sees another address of the client from now on: the session is opened there again, before
    /// anything else is sent.
    pub fn moved(&mut self, shard: SocketAddr) {
        let is_there = |peer: &&mut Peer| peer.address == shard && peer.link != Link::Ended;
        self.peers.iter_mut().filter(is_there).for_each(Peer::close);
    }

    pub(super) fn take_steering(&mut self, index: u16, body: &[u8]) {
        if let Some(Reply::Steering(steering)) = Reply::decode(Opcode::Steering, Status::Ok, body) {
            self.steered.rss = steering.and_then(rss_of);
        }
        self.miss_steering(index);
    }

    /// The call for it has ended, and is not made again under this map.
    pub(super) fn miss_steering(&mut self, index: u16) {
        self.steered.epoch = self.epoch();
        self.finish(index, Err(Error::Caller(Caller::Malformed)));
    }
}

/// The hash, whose queues are the shards.
fn rss_of(steering: Steering) -> Option<Rss> {
    let covers = steering.covers;
    let hashed = Hashed {
        ipv4: covers.ipv4,
        ipv4_udp: covers.ipv4_ports,
        ipv6: covers.ipv6,
        ipv6_udp: covers.ipv6_ports,
        ..Hashed::default()
    };
    Rss::new(steering.key, steering.shard_of_hash, hashed)
}
