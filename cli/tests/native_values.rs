//! Long values over the native protocol: around every boundary, and as long as they may be.

mod support;

use std::sync::Arc;

use adit_client::core::Transport;
use adit_client::error::Caller;
use adit_client::{Client, Error, PutOptions};
use adit_wire::native::{FRAME_BYTES_DEFAULT, FRAME_BYTES_MAX, HEADER_BYTES};

use support::Server;
use support::native::{BUCKET, TRANSPORTS, connect};
use support::watch::Watch;

/// Bytes that are cheap to make, and different at each place of some length.
fn pattern(len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len.min(PERIOD)).map(|at| (at % 251).to_le_bytes()[0]).collect();
    while bytes.len() < len {
        let more = bytes.len().min(len - bytes.len());
        bytes.extend_from_within(..more);
    }
    bytes
}

/// Bytes of a value at which something begins: a segment, the next one, a block, what a client is let send at first.
fn boundaries(transport: Transport) -> Vec<usize> {
    let frame = if transport == Transport::Datagram { FRAME_BYTES_DEFAULT } else { FRAME_BYTES_MAX };
    let segment = frame - HEADER_BYTES;
    let mut list = vec![0, 8 << 10, BLOCK, 2 * BLOCK, 10 * BLOCK];
    for segments in [1, 2, 32, 33, 64, 65, 128, 200] {
        // Of the reply to a GET, of a PUT and of an APPEND, before the value.
        list.extend([0, 16, 32 + KEY.len(), 8 + KEY.len()].map(|head| segments * segment - head));
    }
    list.into_iter().flat_map(|len| [len.saturating_sub(1), len, len + 1]).collect()
}

#[test]
fn values_around_every_boundary_come_back() {
    for shards in [1, 2] {
        for transport in TRANSPORTS {
            let mut server = Server::start_with(shards, &["--memory", "256MiB"], &[]);
            let mut client = connect(&server, transport);
            let longest = pattern(4 << 20);
            for len in boundaries(transport) {
                let value = &longest[..len];
                client.put(BUCKET, KEY, value, PutOptions::default()).expect("a put is done");
                let found = client.get(BUCKET, KEY).expect("a get is answered").expect("it is there");
                assert!(found.bytes() == value, "{len} bytes");
                assert_eq!(client.append(BUCKET, KEY, value), Ok(2 * len as u64), "{len} bytes");
                let found = client.take(BUCKET, KEY).expect("a take is answered").expect("it is there");
                assert!(
                    found.bytes()[..len] == *value && found.bytes()[len..] == *value,
                    "{len} bytes twice"
                );
            }
            server.assert_alive("in the end");
            client.close();
        }
    }
}

/// Puts a value and gets it back, byte for byte.
fn there_and_back(client: &mut Client, value: &Arc<[u8]>) {
    client.put(BUCKET, KEY, Arc::clone(value), PutOptions::default()).expect("a put is done");
    let found = client.get(BUCKET, KEY).expect("a get is answered").expect("it is there");
    assert!(found.bytes() == &value[..]);
}

fn longest(shards: u16, transport: Transport, len: usize) {
    let mut server =
        Server::start_with(shards, &["--memory", if shards == 1 { "1GiB" } else { "2GiB" }], &[]);
    let mut watch = Watch::begin(&server);
    let mut client = connect(&server, transport);
    let value: Arc<[u8]> = pattern(len).into();
    there_and_back(&mut client, &value);
    watch.is_served(&mut server, "beside a long value");
    if len == VALUE_BYTES_MAX {
        assert_eq!(client.append(BUCKET, KEY, &b"!"[..]), Err(Error::Caller(Caller::ValueTooLong)));
    }
    // What comes last is right too when its value is gone from the store.
    let taken = client.take(BUCKET, KEY).expect("a take is answered").expect("it is there");
    assert!(taken.bytes() == &value[..]);
    assert_eq!(client.get(BUCKET, KEY), Ok(None));
    client.close();
    watch.all_came_back(&mut server, "after a long value");
}

#[test]
fn a_value_of_512_mib_goes_over_a_stream_to_one_shard() {
    longest(1, Transport::Stream, VALUE_BYTES_MAX);
}

#[test]
fn a_value_of_512_mib_goes_over_a_stream_to_two_shards() {
    longest(2, Transport::Stream, VALUE_BYTES_MAX);
}

#[test]
fn a_value_of_64_mib_goes_in_datagrams_to_one_shard() {
    longest(1, Transport::Datagram, 64 << 20);
}

#[test]
fn a_value_of_64_mib_goes_in_datagrams_to_two_shards() {
    longest(2, Transport::Datagram, 64 << 20);
}

const KEY: &[u8] = b"key";
const BLOCK: usize = 64 << 10;
const VALUE_BYTES_MAX: usize = 512 << 20;
/// A multiple of 251 that is none of any length of segments or blocks.
const PERIOD: usize = 251 * 40_009;
