//! Datagrams and streams whose bytes are no frames, or frames that nobody asked for: they are refused and counted, nobody
//! is sent more than he sent himself, and others are served.

mod support;

use std::time::Duration;

use adit_client::core::Transport;
use adit_client::{BucketId, Client, PutOptions};
use adit_wire::native::request::{Action, KeyRequest, Open};
use adit_wire::native::{Frame, HEADER_BYTES, Header, Opcode, Request, Status};

use support::native::{BUCKET, Frames, TRANSPORTS, connect, counter, each, header, sealed};
use support::random::Random;
use support::watch::Watch;
use support::{Server, wait_until};

/// CRC-32C bit by bit (RFC 3720, appendix B.4): no code of the server's.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 })
    })
}

/// A frame with the checksum that it should have.
fn checked(mut frame: Vec<u8>) -> Vec<u8> {
    let checksum = crc32c(&frame[4..]);
    frame[..4].copy_from_slice(&checksum.to_le_bytes());
    frame
}

fn key_body(opcode: Opcode, key: &[u8]) -> Vec<u8> {
    let action = if opcode == Opcode::Get { Action::Get } else { Action::Delete };
    let mut body = Vec::new();
    Request::Key(KeyRequest { bucket: BUCKET, key, action }).encode(&mut body);
    body
}

fn hello() -> Vec<u8> {
    sealed(&header(Opcode::Hello, 1), &[0; 24])
}

/// Bytes that are no frame, each for another reason. None of them is answered.
fn no_frames(random: &mut Random) -> Vec<Vec<u8>> {
    let get = sealed(&header(Opcode::Get, 1), &key_body(Opcode::Get, b"key"));
    let with = |at: usize, byte: u8| {
        let mut frame = get.clone();
        frame[at] = byte;
        checked(frame)
    };
    let reply = Header { is_reply: true, ..header(Opcode::Get, 1) };
    let beyond = Header { total_bytes: 5, offset: 4, ..header(Opcode::Get, 1) };
    let huge = Header { total_bytes: u32::MAX, ..header(Opcode::Put, 1) };
    let mut list = vec![
        get[..HEADER_BYTES].to_vec(),
        get[..get.len() - 1].to_vec(),
        [&get[..], b"!"].concat(),
        with(4, b'a'),
        with(7, 1),
        with(10, 2),
        with(11, 1),
        with(14, 0),
        sealed(&reply, b""),
        sealed(&Header { status: Status::SessionLost as u8, ..reply }, b""),
        sealed(&beyond, b"xy"),
        sealed(&huge, b"x"),
        b"GET / HTTP/1.1\r\nHost: adit\r\n\r\n".repeat(3),
        b"*1\r\n$4\r\nPING\r\n".to_vec(),
    ];
    list.extend((0..50).map(|_| {
        let len = 1 + random.below(1_472);
        random.bytes(len)
    }));
    // One bit is wrong.
    list.extend((0..50).map(|_| {
        let (mut frame, at) = (get.clone(), random.below(get.len()));
        frame[at] ^= 1 << random.below(8);
        frame
    }));
    list.extend((1..HEADER_BYTES).map(|len| get[..len].to_vec()));
    list
}

#[test]
fn datagrams_that_are_no_frames_are_refused_and_counted() {
    let mut random = Random::from_environment(1);
    for shards in [1, 2] {
        let mut server = Server::start(shards);
        let mut watch = Watch::begin(&server);
        let mut client = connect(&server, Transport::Datagram);
        let mut frames = Frames::connect(&server, Transport::Datagram);
        let before = counter(&mut client, "NativeRefused");
        let list = no_frames(&mut random);
        for (sent, bytes) in (1..).zip(&list) {
            assert!(frames.send(bytes));
            // One at a time, so that the kernel drops none.
            wait_until("it is counted", || counter(&mut client, "NativeRefused") >= before + sent);
        }
        assert_eq!(counter(&mut client, "NativeRefused"), before + list.len() as u64);
        assert!(frames.send(b""), "an empty datagram does nothing");
        // None was answered: what comes first is the cookie.
        assert!(frames.send(&hello()));
        assert_eq!(frames.answer().expect("a datagram").header.opcode, Opcode::Hello as u8);
        assert_eq!(client.add(BUCKET, b"sum", 1), Ok(1));
        client.close();
        watch.is_served(&mut server, "after datagrams that are no frames");
        watch.memory_is_bounded(&server, "after datagrams that are no frames");
    }
}

#[test]
fn streams_that_bring_no_frames_are_closed() {
    let mut random = Random::from_environment(2);
    for shards in [1, 2] {
        let mut server = Server::start(shards);
        let watch = Watch::begin(&server);
        let mut client = connect(&server, Transport::Stream);
        let before = counter(&mut client, "NativeRefused");
        let mut broken = 0;
        for bytes in no_frames(&mut random) {
            let mut frames = Frames::connect(&server, Transport::Stream);
            // A HELLO behind it is either not read or a part of what is no frame.
            frames.send(&[&bytes[..], &hello()].concat());
            frames.end();
            broken += u64::from(frames.answer().is_none());
        }
        assert!(broken > 100, "{broken} streams were closed without an answer");
        assert!(counter(&mut client, "NativeRefused") >= before + 100);
        assert_eq!(client.add(BUCKET, b"sum", 1), Ok(1));
        client.close();
        watch.all_came_back(&mut server, "after streams that brought no frames");
    }
}

#[test]
fn another_version_is_told_which_one_is_spoken() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        let before = counter(&mut client, "NativeRefused");
        for version in [0, 2, 255] {
            let mut frame = hello();
            frame[6] = version;
            let mut frames = Frames::connect(server, transport);
            assert!(frames.send(&checked(frame)));
            let answer = frames.answer().expect("an answer");
            assert_eq!(answer.header.status, Status::UnsupportedVersion as u8);
            assert!(answer.segment.is_empty());
        }
        assert!(counter(&mut client, "NativeRefused") >= before + 3);
    });
}

#[test]
fn nobody_unknown_is_sent_more_than_he_sent() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        let mut frames = Frames::connect(server, transport);
        if transport == Transport::Datagram {
            assert!(frames.send(&hello()));
            let answer = frames.answer().expect("a cookie");
            assert_eq!((answer.header.status, answer.segment.len()), (Status::Ok as u8, 24));
            // What is longer or shorter than it should be is no HELLO.
            let before = counter(&mut client, "NativeRefused");
            assert!(frames.send(&sealed(&header(Opcode::Hello, 1), &[0; 1_000])));
            assert!(frames.send(&sealed(&header(Opcode::Hello, 1), b"")));
            assert!(frames.send(&sealed(&header(Opcode::Hello, 1), &[1; 24])));
            wait_until("they are refused", || counter(&mut client, "NativeRefused") == before + 3);
            // A cookie that was never given.
            let before = counter(&mut client, "NativeUnproven");
            let open =
                Open { cookie: [9; 24], token: 1, frame_bytes: 1_472, tenant: b"default", password: b"" };
            let refused = frames.call(&header(Opcode::Open, 2), &Request::Open(open));
            assert_eq!(refused.header.status, Status::Unproven as u8);
            assert!(refused.segment.is_empty());
            assert_eq!(counter(&mut client, "NativeUnproven"), before + 1);
        }
        let before = counter(&mut client, "NativeLost");
        for (session, opcode) in
            [(0, Opcode::Get), (1, Opcode::Get), (u64::MAX, Opcode::Scan), (77, Opcode::Continue)]
        {
            frames.session = session;
            let answer = frames.call_with(&header(opcode, 5), &key_body(Opcode::Get, b"key"));
            assert_eq!(answer.header.status, Status::SessionLost as u8);
            assert!(answer.segment.is_empty(), "a header only");
        }
        assert_eq!(counter(&mut client, "NativeLost"), before + 4);
        let unknown = frames.call_with(&Header { opcode: 0x7F, ..header(Opcode::Get, 6) }, b"body");
        assert_eq!((unknown.header.status, unknown.segment.len()), (Status::UnknownOpcode as u8, 0));
    });
}

#[test]
fn a_session_of_somebody_else_is_of_no_use() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        client.put(BUCKET, b"key", &b"secret"[..], PutOptions::default()).unwrap();
        let owner = Frames::open(server, transport);
        let mut thief = Frames::connect(server, transport);
        thief.session = owner.session;
        let before = counter(&mut client, "NativeUnproven");
        for opcode in [Opcode::Get, Opcode::Delete] {
            let answer = thief.call_with(&header(opcode, 2), &key_body(opcode, b"key"));
            assert_eq!((answer.header.status, answer.segment.len()), (Status::Unproven as u8, 0));
        }
        assert_eq!(counter(&mut client, "NativeUnproven"), before + 2);
        // Nor does he get it by opening it: he does not know its token.
        let mut thief = Frames::open(server, transport);
        thief.session = owner.session;
        let open = Open { cookie: [0; 24], token: 12, frame_bytes: 1_472, tenant: b"", password: b"" };
        let answer = thief.call(&header(Opcode::Open, 3), &Request::Open(open));
        let wanted = if transport == Transport::Datagram { Status::Unproven } else { Status::SessionLost };
        assert_eq!(answer.header.status, wanted as u8);
        assert_eq!(client.get(BUCKET, b"key").unwrap().unwrap().bytes(), b"secret");
    });
}

#[test]
fn requests_that_make_no_sense_are_refused_one_by_one() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        let mut frames = Frames::open(server, transport);
        let get = key_body(Opcode::Get, b"key");
        let with = |at: usize, bytes: [u8; 4]| [&get[..at], &bytes, &get[at + 4..]].concat();
        let mut number = 1;
        for (opcode, body, status) in [
            (Opcode::Get, Vec::new(), Status::Malformed),
            (Opcode::Get, get[..get.len() - 1].to_vec(), Status::Malformed),
            (Opcode::Get, [&get[..], b"!"].concat(), Status::Malformed),
            (Opcode::Get, with(0, [16, 0, 0, 0]), Status::NoSuchBucket),
            (Opcode::Get, with(4, [1, 0, 1, 0]), Status::KeyTooLong),
            (Opcode::Get, with(4, [0xFF; 4]), Status::KeyTooLong),
            (Opcode::Put, get.clone(), Status::Malformed),
            (Opcode::Add, get.clone(), Status::Malformed),
            (Opcode::MultiGet, vec![0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], Status::Malformed),
            (Opcode::MultiGet, vec![0; 8], Status::Malformed),
            (Opcode::MultiPut, vec![0; 16], Status::Malformed),
            (Opcode::Scan, vec![0; 15], Status::Malformed),
            (Opcode::Stats, vec![1], Status::Malformed),
            (Opcode::Steering, vec![1], Status::Malformed),
            (Opcode::Close, vec![1], Status::Malformed),
            (Opcode::Continue, Vec::new(), Status::NoReply),
        ] {
            number += 1;
            let answer = frames.call_with(&header(opcode, number), &body);
            assert_eq!(Status::of(answer.header.status), Some(status), "{opcode:?} {body:?}");
            assert!(answer.segment.is_empty());
        }
        let long = Header { total_bytes: (1 << 20) + 1, ..header(Opcode::MultiGet, 50) };
        assert_eq!(frames.call_with(&long, &get).header.status, Status::TooLarge as u8);
        for (request, status) in
            [(1 << 40, Status::BeyondWindow), (1_025, Status::BeyondWindow), (0, Status::SessionLost)]
        {
            let answer = frames.call_with(&header(Opcode::Get, request), &get);
            assert_eq!(Status::of(answer.header.status), Some(status), "{request}");
        }
        let answer = frames.call_with(&header(Opcode::Renew, 60), b"");
        assert_eq!(Status::of(answer.header.status), Some(Status::Ok), "the session goes on");
        let answer = frames.call_with(&header(Opcode::Steering, 62), b"");
        assert_eq!((answer.header.status, &answer.segment[..]), (Status::Ok as u8, &[0; 8][..]), "no hash");
        if client.shard_count() == 2 {
            let elsewhere =
                (0..99_u8).find(|n| client.map().expect("a map").owner(&[*n]) == 1).expect("half of them");
            let answer =
                frames.call_with(&header(Opcode::Delete, 61), &key_body(Opcode::Delete, &[elsewhere]));
            assert_eq!(
                (answer.header.status, &answer.segment[..]),
                (Status::WrongShard as u8, &[1, 0, 0, 0, 0, 0, 0, 0][..])
            );
        }
        assert_eq!(client.add(BucketId(3), b"sum", 1), Ok(1));
    });
}

/// A value of which the first segments come, again and again under other numbers, and never the rest.
#[test]
fn uploads_that_are_never_finished_stay_bounded() {
    each(|server, transport| {
        let mut watch = Watch::begin(server);
        let put = [&[0, 0, 0, 0, 1, 0, 0, 0][..], &[0; 24], b"k", &[0; 1_000]].concat();
        let mut all = Vec::new();
        for _ in 0..10 {
            let mut frames = Frames::open(server, transport);
            for number in 2..40 {
                let begin = Header { total_bytes: 100 << 20, ..header(Opcode::Put, number) };
                let status = Status::of(frames.call_with(&begin, &put).header.status);
                assert!(matches!(status, Some(Status::Credit | Status::Busy)), "{status:?}");
            }
            all.push(frames);
        }
        watch.is_served(server, "beside unfinished uploads");
        watch.memory_is_bounded(server, "beside unfinished uploads");
    });
}

/// One chunk of a stream holds hundreds of requests for a million bytes each.
#[test]
fn a_stream_that_asks_for_long_replies_and_does_not_read_them_takes_little_memory() {
    for shards in [1, 2] {
        let mut server = Server::start_with(shards, &["--memory", "96MiB"], &[]);
        let server = &mut server;
        let mut watch = Watch::begin(server);
        let mut client = connect(server, Transport::Stream);
        let key = (0..99_u8).find(|n| client.map().expect("a map").owner(&[*n]) == 0).expect("some of them");
        client.put(BUCKET, &[key], vec![b'v'; 8 << 20], PutOptions::default()).unwrap();
        let deaf: Vec<Frames> = (0..20).map(|_| deaf_reader(server, key)).collect();
        watch.is_served(server, "beside streams that do not read");
        serves_native_clients(&mut client, server);
        watch.memory_is_bounded(server, "beside streams that do not read");
        drop(deaf);
        assert_eq!(client.delete(BUCKET, &[key]), Ok(true));
        serves_native_clients(&mut client, server);
        client.close();
    }
}

/// A stream with a session that asks for the value of a key, and for it again and again from its begin, until nobody
/// takes that any more.
fn deaf_reader(server: &Server, key: u8) -> Frames {
    let mut frames = Frames::open(server, Transport::Stream);
    frames.set_write_timeout(Duration::from_millis(50));
    let session = frames.session;
    let get = Header { session, credits: 64, ..header(Opcode::Get, 2) };
    let mut requests = sealed(&get, &key_body(Opcode::Get, &[key]));
    let again = sealed(&Header { opcode: Opcode::Continue as u8, ..get }, b"");
    requests.extend(again.repeat(20_000));
    frames.send(&requests);
    frames
}

/// Clients of their own sessions write and read. Long replies are not among that: the sessions that do not read theirs
/// keep as many bytes as all sessions may.
fn serves_native_clients(old: &mut Client, server: &Server) {
    for transport in TRANSPORTS {
        let mut new = connect(server, transport);
        for client in [&mut new, &mut *old] {
            client.put(BUCKET, b"long", vec![b'o'; 1 << 20], PutOptions::default()).expect("a put is done");
            assert_eq!(client.append(BUCKET, b"long", &b"!"[..]), Ok((1 << 20) + 1));
            assert_eq!(client.delete(BUCKET, b"long"), Ok(true));
            client.put(BUCKET, b"short", vec![b'o'; 1_000], PutOptions::default()).expect("a put is done");
            let found = client.get(BUCKET, b"short").expect("a get is answered").expect("it is there");
            assert!(found.bytes() == [b'o'; 1_000]);
        }
        new.close();
    }
}

#[test]
fn the_checksum_is_that_of_the_rfc() {
    assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
    assert!(Frame::decode(&checked(hello())).is_ok());
}
