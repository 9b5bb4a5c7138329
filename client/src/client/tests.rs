//! Over real sockets of this machine, against the plain server of the core's tests in a thread of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use adit_wire::native::HEADER_BYTES;
use adit_wire::native::frame::length_in_stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use crate::core::Transport;
use crate::core::tests::server::Server;

const BUCKET: BucketId = BucketId(0);

/// A client may move to another thread.
const fn assert_send<T: Send>() {}
const _: () = assert_send::<Client>();

pub(crate) fn config(address: SocketAddr, transport: Transport) -> Config {
    let core = CoreConfig { address, transport, ..CoreConfig::default() };
    Config { core, deadline: Duration::from_secs(60), ..Config::default() }
}

/// A server with two shards on UDP, whose threads end with the test's process.
pub(crate) fn datagram_server() -> SocketAddr {
    shared_datagram_server().0
}

/// The same, to look into.
pub(crate) fn shared_datagram_server() -> (SocketAddr, Arc<Mutex<Server>>) {
    let sockets: Vec<_> = (0..2).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
    let server = Arc::new(Mutex::new(Server::new(1, addresses.clone())));
    for socket in sockets {
        let server = Arc::clone(&server);
        thread::spawn(move || serve_datagrams(&socket, &server));
    }
    (addresses[0], server)
}

fn serve_datagrams(socket: &UdpSocket, server: &Mutex<Server>) {
    let address = socket.local_addr().unwrap();
    let mut bytes = vec![0; 64 << 10];
    while let Ok((len, from)) = socket.recv_from(&mut bytes) {
        for reply in server.lock().unwrap().receive(address, from, &bytes[..len], 0) {
            let _ = socket.send_to(&reply, from);
        }
    }
}

/// The same on TCP.
pub(crate) fn stream_server() -> SocketAddr {
    let listeners: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let mut server = Server::new(1, addresses.clone());
    (server.has_streams, server.frame_bytes) = (true, 16 << 10);
    let server = Arc::new(Mutex::new(server));
    for listener in listeners {
        let server = Arc::clone(&server);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                thread::spawn(move || serve_stream(stream, &server));
            }
        });
    }
    addresses[0]
}

fn serve_stream(mut stream: TcpStream, server: &Mutex<Server>) {
    let (address, from) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    let (mut input, mut bytes) = (Vec::new(), vec![0; 64 << 10]);
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        input.extend_from_slice(&bytes[..count]);
        while let Some(len) = length_in_stream(&input).unwrap().filter(|len| *len <= input.len()) {
            let frame: Vec<u8> = input.drain(..len).collect();
            for reply in server.lock().unwrap().receive(address, from, &frame, 0) {
                let _ = stream.write_all(&reply);
            }
        }
    }
}

/// Every blocking call, and a long value.
fn every_call_works(config: Config) {
    let mut client = Client::connect(config).unwrap();
    assert_eq!(client.shard_count(), 2);
    assert_eq!(client.get(BUCKET, b"key"), Ok(None));
    let version = client.put(BUCKET, b"key", &b"value"[..], PutOptions::default()).unwrap();
    let value = client.get(BUCKET, b"key").unwrap().unwrap();
    assert_eq!((value.version, value.bytes()), (version, &b"value"[..]));
    let if_absent = PutOptions { condition: Condition::IfAbsent, ..PutOptions::default() };
    let refused = client.put(BUCKET, b"key", &b"other"[..], if_absent);
    assert_eq!(refused, Err(Error::State(State::ConditionFailed { version })));
    assert_eq!(client.append(BUCKET, b"key", &b"!"[..]), Ok(6));
    assert_eq!(client.touch(BUCKET, b"key", 0), Ok(true));
    assert_eq!(client.take(BUCKET, b"key").unwrap().unwrap().into_vec(), b"value!");
    assert_eq!(client.delete(BUCKET, b"key"), Ok(false));
    assert_eq!((client.add(BUCKET, b"sum", 40), client.add(BUCKET, b"sum", 2)), (Ok(40), Ok(42)));
    let pairs = (0..300).map(|key| (key.to_string(), "v")).collect();
    assert_eq!(client.multi_put(BUCKET, pairs, true), Ok(()));
    let values = client.multi_get(BUCKET, ["299", "300"].into_iter().collect()).unwrap();
    assert_eq!(values.iter().collect::<Vec<_>>(), [Some(&b"v"[..]), None]);
    assert_eq!(client.scan(BUCKET).map(Result::unwrap).count(), 301);
    assert_eq!(client.stats(1).unwrap(), "shard 1\n");
    let long: Vec<u8> = (0..3_000_000_u32).map(|index| index.to_le_bytes()[1]).collect();
    assert!(client.put(BUCKET, b"long", long.clone(), PutOptions::default()).is_ok());
    assert!(client.get(BUCKET, b"long").unwrap().unwrap().into_vec() == long);
    client.close();
}

#[test]
fn every_call_works_over_datagrams() {
    every_call_works(config(datagram_server(), Transport::Datagram));
}

#[test]
fn every_call_works_without_offloads_and_without_sleep() {
    let config = config(datagram_server(), Transport::Datagram);
    every_call_works(Config { offload: Offload::NONE, busy_poll: true, ..config });
}

#[test]
fn every_call_works_over_streams() {
    every_call_works(config(stream_server(), Transport::Stream));
}

#[test]
fn submitted_operations_complete_when_they_are_polled_for() {
    for config in [config(datagram_server(), Transport::Datagram), config(stream_server(), Transport::Stream)]
    {
        let mut client = Client::connect(config).unwrap();
        let add = || Operation::on_key(BUCKET, *b"sum", KeyAction::Add(1));
        let tickets: Vec<_> = (0..100).map(|_| client.submit(add()).unwrap()).collect();
        assert!(client.add(BUCKET, b"sum", 0).is_ok(), "others may complete meanwhile");
        let mut completions = Vec::new();
        while completions.len() < tickets.len() {
            client.poll(Duration::from_secs(60), &mut completions);
        }
        assert!(completions.iter().all(|completion| tickets.contains(&completion.ticket)));
        assert_eq!(client.add(BUCKET, b"sum", 0), Ok(100));
        assert_eq!(client.poll(Duration::ZERO, &mut completions), 0);
        assert!(client.next_event().is_some_and(|wait| !wait.is_zero()), "nothing is to be done");
    }
}

#[test]
fn a_window_that_is_not_polled_is_full() {
    let mut config = config(datagram_server(), Transport::Datagram);
    config.core.window = 4;
    let mut client = Client::connect(config).unwrap();
    let get = || Operation::on_key(BUCKET, *b"key", KeyAction::Get);
    (0..4).for_each(|_| assert!(client.submit(get()).is_ok()));
    assert_eq!(client.get(BUCKET, b"key"), Ok(None), "a blocking call finds room");
    assert_eq!(client.submit(get()).unwrap_err().error, Error::Caller(Caller::Full));
    let mut completions = Vec::new();
    assert_eq!(client.poll(Duration::ZERO, &mut completions), 4);
    assert!(client.submit(get()).is_ok());
}

#[test]
fn nobody_there_is_told_at_the_deadline() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    for transport in [Transport::Datagram, Transport::Stream] {
        let config = config(nobody.local_addr().unwrap(), transport);
        let config = Config { deadline: Duration::from_millis(20), ..config };
        let refused = Client::connect(config).err();
        assert_eq!(refused, Some(Error::Unreachable(Unreachable::Deadline)), "{transport:?}");
    }
}

#[test]
fn a_client_goes_on_in_another_thread() {
    for config in [config(datagram_server(), Transport::Datagram), config(stream_server(), Transport::Stream)]
    {
        let mut client = Client::connect(config).unwrap();
        assert_eq!(client.add(BUCKET, b"sum", 1), Ok(1));
        let moved = thread::spawn(move || (client.add(BUCKET, b"sum", 1), client));
        let (sum, mut client) = moved.join().unwrap();
        assert_eq!((sum, client.add(BUCKET, b"sum", 1)), (Ok(2), Ok(3)));
    }
}

/// Waits as a program with a loop of its own does: for the descriptor, or the next event.
fn wait_as_told(client: &Client) {
    let wait = client.next_event().map_or(Duration::from_secs(60), |wait| wait.min(Duration::from_secs(60)));
    let wait = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
    poll(&mut [PollFd::from_borrowed_fd(client.fd(), PollFlags::IN)], Some(&wait)).unwrap();
}

#[test]
fn a_loop_that_waits_for_the_descriptor_misses_nothing() {
    for config in [config(datagram_server(), Transport::Datagram), config(stream_server(), Transport::Stream)]
    {
        let mut client = Client::connect(config).unwrap();
        let long: Payload = vec![7; 2_000_000].into();
        let (mut completions, mut turns) = (Vec::new(), 0);
        for step in 0..20 {
            // Both shards, long and short.
            let action = if step % 5 == 0 { KeyAction::put(long.clone()) } else { KeyAction::Add(1) };
            client.submit(Operation::on_key(BUCKET, step.to_string(), action)).unwrap();
        }
        while completions.len() < 20 {
            if client.poll(Duration::ZERO, &mut completions) == 0 {
                wait_as_told(&client);
            }
            turns += 1;
            assert!(turns < 100_000, "it waits, and does not look again and again");
        }
        assert!(completions.iter().all(|completion| completion.result.is_ok()), "{completions:?}");
    }
}

/// A server that opens sessions and takes nothing more.
fn deaf_stream_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = Server::new(1, vec![address]);
    (server.has_streams, server.frame_bytes) = (true, 16 << 10);
    thread::spawn(move || {
        let (mut stream, from) = listener.accept().unwrap();
        let mut header = [0; HEADER_BYTES];
        // OPEN and MAP, whose bodies are short.
        for _ in 0..2 {
            stream.read_exact(&mut header).unwrap();
            let mut frame = header.to_vec();
            frame.resize(length_in_stream(&header).unwrap().unwrap(), 0);
            stream.read_exact(&mut frame[HEADER_BYTES..]).unwrap();
            for reply in server.receive(address, from, &frame, 0) {
                stream.write_all(&reply).unwrap();
            }
        }
        thread::park();
    });
    address
}

#[test]
fn a_kernel_that_takes_nothing_is_waited_for_until_the_deadline() {
    let config = config(deaf_stream_server(), Transport::Stream);
    let mut client = Client::connect(Config { deadline: Duration::from_secs(1), ..config }).unwrap();
    let mut completions = Vec::new();
    // More than all buffers between here and there take.
    for key in 0..100 {
        let operation = Operation::on_key(BUCKET, key.to_string(), KeyAction::put(vec![7; 1_000_000]));
        client.submit(operation).unwrap();
        client.poll(Duration::ZERO, &mut completions);
    }
    let mut turns = 0;
    while client.sockets.is_blocked() {
        assert!(turns < 1_000, "it waits, and does not look again and again");
        wait_as_told(&client);
        client.poll(Duration::ZERO, &mut completions);
        turns += 1;
        if completions.len() == 100 {
            break;
        }
    }
    assert!(turns > 0, "the kernel took all");
    assert_eq!(completions.len(), 100, "all ended at their deadline");
}

/// Bytes of a long value, without the value.
fn byte_at(place: usize) -> u8 {
    (place.wrapping_mul(0x9E37_79B9) >> 16).to_le_bytes()[0]
}

/// Writes a value of 64 MiB and reads it, and counts what the client keeps of it.
fn long_values_need_little_memory(config: Config) {
    const LEN: usize = 64 << 20;
    const KEPT_MAX: usize = 2 << 20;
    let mut client = Client::connect(config).unwrap();
    let ticket = client.begin_write(BUCKET, b"long", LEN as u64, PutOptions::default()).unwrap();
    let mut piece = Vec::new();
    for start in (0..LEN).step_by(300_000) {
        piece.clear();
        piece.extend((start..LEN.min(start + 300_000)).map(byte_at));
        client.write(ticket, &piece).unwrap();
        assert!(client.kept_bytes() <= KEPT_MAX);
    }
    let version = client.finish_write(ticket).unwrap();
    assert_eq!(client.kept_bytes(), 0);
    let head = client.begin_read(BUCKET, b"long").unwrap().unwrap();
    assert_eq!((head.version, head.expiry_ms, head.len_bytes), (version, None, LEN as u64));
    let mut place = 0;
    piece.resize(500_000, 0);
    loop {
        let count = client.read(head.ticket, &mut piece).unwrap();
        assert!(piece[..count].iter().zip(place..).all(|(byte, place)| *byte == byte_at(place)));
        assert!(client.kept_bytes() <= KEPT_MAX);
        place += count;
        if count == 0 {
            break;
        }
    }
    assert_eq!((place, client.kept_bytes()), (LEN, 0));
    assert_eq!(client.read(head.ticket, &mut piece), Err(Error::Caller(Caller::NoSuchValue)));
}

#[test]
fn long_values_need_little_memory_over_datagrams() {
    long_values_need_little_memory(config(datagram_server(), Transport::Datagram));
}

#[test]
fn long_values_need_little_memory_over_streams() {
    long_values_need_little_memory(config(stream_server(), Transport::Stream));
}

#[test]
fn writers_and_readers_are_those_of_std() {
    for config in [config(datagram_server(), Transport::Datagram), config(stream_server(), Transport::Stream)]
    {
        let mut client = Client::connect(config).unwrap();
        let long: Vec<u8> = (0..3_000_000).map(byte_at).collect();
        for value in [&long[..], b"short", b""] {
            let mut writer =
                client.write_value(BUCKET, b"key", value.len() as u64, PutOptions::default()).unwrap();
            std::io::copy(&mut &value[..], &mut writer).unwrap();
            let version = writer.finish().unwrap();
            let mut reader = client.read_value(BUCKET, b"key").unwrap().unwrap();
            let told = (reader.version(), reader.expiry_ms(), reader.len_bytes());
            assert_eq!(told, (version, None, value.len() as u64));
            let mut found = Vec::new();
            reader.read_to_end(&mut found).unwrap();
            assert!(found == value);
        }
        // Others are done in between, also by those who wait in line.
        let before = client.submit(Operation::on_key(BUCKET, *b"sum", KeyAction::Add(1))).unwrap();
        let mut writer = client.write_value(BUCKET, b"key", 3_000_000, PutOptions::default()).unwrap();
        writer.write_all(&long[..2_999_999]).unwrap();
        let too_many = writer.write_all(b"ab").unwrap_err();
        assert_eq!(too_many.downcast::<Error>().unwrap(), Error::Caller(Caller::WrongLength));
        drop(writer);
        let mut reader = client.read_value(BUCKET, b"key").unwrap().unwrap();
        assert_eq!((reader.len_bytes(), reader.read(&mut [0; 9]).unwrap()), (0, 0), "nothing was written");
        drop(reader);
        assert!(client.read_value(BUCKET, b"none").unwrap().is_none());
        let mut completions = Vec::new();
        client.poll(Duration::from_secs(60), &mut completions);
        assert_eq!(completions[0].ticket, before);
    }
}

#[test]
fn a_pipeline_longer_than_the_window_is_answered_in_order() {
    for config in [config(datagram_server(), Transport::Datagram), config(stream_server(), Transport::Stream)]
    {
        let mut client = Client::connect(config).unwrap();
        let before = client.submit(Operation::on_key(BUCKET, *b"other", KeyAction::Add(1))).unwrap();
        let mut pipeline = client.pipeline();
        (0..1_000_u32).for_each(|key| {
            let value = if key % 100 == 0 { vec![1; 20_000] } else { key.to_string().into_bytes() };
            pipeline.put(BUCKET, key.to_string(), value, PutOptions::default());
        });
        let answers = pipeline.run();
        assert_eq!(answers.len(), 1_000);
        assert!(answers.iter().all(|answer| matches!(answer, Ok(Answer::Version(1..)))), "{answers:?}");
        for key in 0..1_000 {
            pipeline.get(BUCKET, key.to_string());
        }
        for (key, answer) in pipeline.run().into_iter().enumerate() {
            let Ok(Answer::Value(value)) = answer else { panic!("{key}: {answer:?}") };
            assert!(key % 100 == 0 || value.bytes() == key.to_string().as_bytes());
        }
        let mixed = client
            .pipeline()
            .add(BUCKET, "sum", 2)
            .get(BUCKET, "none")
            .get(BucketId(99), "no bucket")
            .append(BUCKET, "tail", "abc")
            .multi_get(BUCKET, ["1", "none"].into_iter().collect())
            .multi_put(BUCKET, [("x", "y")].into_iter().collect(), false)
            .touch(BUCKET, "none", 1)
            .delete(BUCKET, "1")
            .take(BUCKET, "2")
            .run();
        let not_found = Err(Error::State(State::NotFound));
        assert_eq!((&mixed[0], &mixed[1]), (&Ok(Answer::Sum(2)), &not_found));
        assert_eq!(mixed[2], Err(Error::Caller(Caller::NoSuchBucket)));
        assert_eq!(mixed[3], Ok(Answer::Length(3)));
        assert!(matches!(mixed[4], Ok(Answer::Values(_))));
        assert_eq!((&mixed[5], &mixed[6], &mixed[7]), (&Ok(Answer::Done), &not_found, &Ok(Answer::Done)));
        assert!(matches!(mixed[8], Ok(Answer::Value(_))));
        assert!(client.pipeline().run().is_empty());
        let mut completions = Vec::new();
        assert_eq!(client.poll(Duration::from_secs(60), &mut completions), 1);
        assert_eq!(completions[0].ticket, before, "what was begun before is told to who polls");
    }
}

#[test]
fn a_swap_is_done_if_nobody_was_faster() {
    let mut client = Client::connect(config(datagram_server(), Transport::Datagram)).unwrap();
    let Ok(Swap::Done { version: first }) = client.swap(BUCKET, b"key", 0, "a") else {
        panic!("it was absent")
    };
    assert_eq!(client.swap(BUCKET, b"key", 0, "b"), Ok(Swap::Conflict { version: first }));
    let Ok(Swap::Done { version: second }) = client.swap(BUCKET, b"key", first, "b") else { panic!() };
    assert_eq!(client.swap(BUCKET, b"key", first, "c"), Ok(Swap::Conflict { version: second }));
    assert_eq!(client.swap(BUCKET, b"none", 7, "c"), Ok(Swap::Conflict { version: 0 }));
}

#[test]
fn updates_of_many_clients_are_all_done() {
    let address = datagram_server();
    let add_one = |text: Option<&[u8]>| {
        let number = text.map_or(0, |text| String::from_utf8_lossy(text).parse::<u64>().unwrap());
        Some((number + 1).to_string().into_bytes())
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = Client::connect(config(address, Transport::Datagram)).unwrap();
                (0..50).for_each(|_| assert!(client.update(BUCKET, b"sum", add_one).unwrap().is_some()));
            });
        }
    });
    let mut client = Client::connect(config(address, Transport::Datagram)).unwrap();
    assert_eq!(client.update(BUCKET, b"sum", |_| None), Ok(None));
    assert_eq!(client.get(BUCKET, b"sum").unwrap().unwrap().bytes(), b"150");
    // Somebody else who is always faster.
    let mut other = Client::connect(config(address, Transport::Datagram)).unwrap();
    client.config.deadline = Duration::from_secs(1);
    let beaten = client.update(BUCKET, b"sum", |text| {
        other.update(BUCKET, b"sum", add_one).unwrap();
        add_one(text)
    });
    assert!(matches!(beaten, Err(Error::State(State::ConditionFailed { version: 1.. }))), "{beaten:?}");
}

#[test]
fn values_that_fill_the_window_are_waited_for_until_the_deadline() {
    let mut config = config(datagram_server(), Transport::Datagram);
    config.core.window = 2;
    let mut client = Client::connect(config).unwrap();
    let tickets = [b"a", b"b"].map(|key| client.begin_write(BUCKET, key, 1, PutOptions::default()).unwrap());
    client.config.deadline = Duration::from_millis(20);
    let full = Error::Caller(Caller::Full);
    assert_eq!(client.get(BUCKET, b"key"), Err(full));
    assert_eq!(client.begin_read(BUCKET, b"key"), Err(full));
    assert_eq!(client.pipeline().get(BUCKET, "key").get(BUCKET, "key").run(), [Err(full), Err(full)]);
    client.config.deadline = Duration::from_secs(60);
    client.abandon(tickets[0]);
    assert_eq!(client.get(BUCKET, b"key"), Ok(None));
    client.write(tickets[1], b"x").unwrap();
    assert!(client.finish_write(tickets[1]).is_ok());
    assert_eq!(client.get(BUCKET, b"b").unwrap().unwrap().bytes(), b"x");
}
