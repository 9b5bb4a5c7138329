//! Devices of DPDK that need no hardware: each test is a process of its own under nextest, as EAL starts only once.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use adit_drivers::dpdk::{Device, DeviceConfig, DeviceError, DpdkFrames, DpdkQueue, Eal};
use adit_drivers::frames::{Frame, Frames};
use adit_drivers::port::Mempool;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use common::{eal, enter_namespace, frame, run, wait};

/// A device with the fewest places.
fn small(name: &str, options: &str) -> DeviceConfig {
    common::small(name, options, 64)
}

fn open(eal: &Eal, config: &DeviceConfig) -> Vec<DpdkFrames> {
    let queues = Device::start(eal, config).unwrap();
    queues.into_iter().map(|queue| queue.open().unwrap()).collect()
}

/// A name for a socket of this test alone.
fn socket(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("adit-{name}-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn frames_go_through_a_ring_in_place_and_all_buffers_come_home() {
    let eal = eal();
    let mut frames = open(&eal, &small("net_ring0", "")).remove(0);
    let mempool = frames.mempool().clone();
    assert_eq!(mempool.free_count(), mempool.count());
    let mut burst: Vec<_> = (0..50).map(|byte| frame(&mempool, &[byte; 60])).collect();
    let places: Vec<_> = burst.iter().map(|frame| frame.bytes().as_ptr()).collect();
    assert_eq!(mempool.free_count(), mempool.count() - 50);
    frames.tx_burst(&mut burst);
    assert!(burst.is_empty());
    let mut received = Vec::new();
    frames.rx_burst(&mut received);
    assert_eq!(received.len(), 32, "one burst");
    frames.rx_burst(&mut received);
    let bytes: Vec<_> = received.iter().map(|frame| (frame.bytes()[0], frame.len_bytes())).collect();
    assert_eq!(bytes, (0..50).map(|byte| (byte, 60)).collect::<Vec<_>>());
    assert_eq!(received.iter().map(|frame| frame.bytes().as_ptr()).collect::<Vec<_>>(), places, "in place");

    // Headers come off and go on, and the frame is sent from where it begins then.
    let mut reply = received.swap_remove(0);
    reply.pull(14);
    reply.trim(30);
    reply.prepend(20).unwrap().fill(9);
    received.clear();
    frames.tx_burst(&mut vec![reply]);
    frames.rx_burst(&mut received);
    assert_eq!((received[0].len_bytes(), received[0].bytes()[19], received[0].bytes()[20]), (50, 9, 0));
    received.clear();
    let counters = frames.counters();
    assert_eq!((counters.rx_frames, counters.tx_frames, counters.tx_blocked), (51, 51, 0));
    drop(frames);
    assert_eq!(mempool.free_count(), mempool.count(), "every buffer is home after the device is gone");
    assert_eq!(mempool.buffer().unwrap().len(), mempool.buffer_bytes(), "and a mempool outlives its device");
}

#[test]
fn foreign_frames_are_copied_and_long_ones_refused() {
    let eal = eal();
    let mut frames = Frames::Dpdk(open(&eal, &small("net_ring0", "")).remove(0));
    let heap = Mempool::new(4, 4096);
    let mempool = frames.mempool().clone();
    let mut burst = vec![
        frame(&heap, b"a frame on the heap that goes far"),
        frame(&heap, &[0; 1519]),
        frame(&mempool, &[7; 1518]),
    ];
    frames.tx_burst(&mut burst);
    assert_eq!((burst.len(), heap.free_count()), (0, 4));
    frames.rx_burst(&mut burst);
    assert_eq!(burst[0].bytes(), b"a frame on the heap that goes far");
    assert_eq!((burst.len(), burst[1].len_bytes()), (2, 1518));
    burst.clear();

    // Without a buffer for the copy it waits.
    let all: Vec<_> = std::iter::from_fn(|| mempool.buffer()).collect();
    assert_eq!((all.len(), mempool.free_count()), (mempool.count(), 0));
    burst.push(frame(&heap, &[1; 60]));
    frames.tx_burst(&mut burst);
    assert_eq!(burst.len(), 1);
    drop(all);
    frames.tx_burst(&mut burst);
    assert!(burst.is_empty());
    assert_eq!((frames.counters().tx_refused, frames.counters().tx_blocked), (1, 1));
    assert_eq!((frames.mtu_bytes(), frames.link_is_up(), frames.interrupt().is_some()), (1500, true, false));
    assert!(!frames.arm());
    frames.disarm();
}

#[test]
fn a_full_ring_blocks_and_nothing_is_lost() {
    let eal = eal();
    let mut frames = open(&eal, &DeviceConfig { held_buffers: 4096, ..small("net_ring0", "") }).remove(0);
    let mempool = frames.mempool().clone();
    // The ring has 1,024 places, or one less.
    let mut burst: Vec<_> = (0..1100_u32).map(|number| frame(&mempool, &number.to_le_bytes())).collect();
    frames.tx_burst(&mut burst);
    let left_count = burst.len();
    assert!((76..=77).contains(&left_count), "{left_count} are left");
    for _ in 0..100 {
        frames.tx_burst(&mut burst);
    }
    assert_eq!(burst.len(), left_count, "a port that never drains takes no more, and loses none");
    assert_eq!(frames.counters().tx_blocked, 101);
    let mut received = Vec::new();
    while received.len() < 1100 {
        frames.rx_burst(&mut received);
        frames.tx_burst(&mut burst);
    }
    let numbers = received.iter().map(|frame| u32::from_le_bytes(frame.bytes().try_into().unwrap()));
    assert!(numbers.eq(0..1100), "all, in order");
}

#[test]
fn without_buffers_nothing_is_received_until_there_are_some() {
    let eal = eal();
    let mut frames = open(&eal, &small("net_null0", "")).remove(0);
    let mempool = frames.mempool().clone();
    let mut held = Vec::new();
    for _ in 0..mempool.count() {
        frames.rx_burst(&mut held);
    }
    assert!(held.len() + 64 > mempool.count(), "{} of {} buffers", held.len(), mempool.count());
    let before = held.len();
    frames.rx_burst(&mut held);
    assert_eq!(held.len(), before, "nothing is received into nothing");
    held.clear();
    assert_eq!(mempool.free_count(), mempool.count());
    frames.rx_burst(&mut held);
    assert_eq!(held.len(), 32, "and then again");
    frames.tx_burst(&mut held);
    drop(frames);
    assert_eq!(mempool.free_count(), mempool.count());
}

#[test]
fn queues_go_to_threads_of_their_own_and_the_device_stops_with_the_last() {
    let eal = eal();
    let config = DeviceConfig { queue_pairs: 2, ..small("net_null0", "") };
    let queues = Device::start(&eal, &config).unwrap();
    let device = queues[0].device();
    assert_eq!((device.name(), device.driver(), queues.len()), ("net_null0", "net_null", 2));
    assert!(!device.steer_udp_port(7000, 1), "no device without hardware steers");
    let poll = |queue: DpdkQueue| {
        std::thread::spawn(move || {
            let mut frames = queue.open().unwrap();
            let mut burst = Vec::new();
            for _ in 0..1000 {
                frames.rx_burst(&mut burst);
                frames.tx_burst(&mut burst);
                burst.clear();
            }
            let mempool = frames.mempool().clone();
            drop(frames);
            assert_eq!(mempool.free_count(), mempool.count());
        })
    };
    let threads: Vec<_> = queues.into_iter().map(poll).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(device.stats().rx_frames >= 64_000);
    drop(device);
    let again = open(&eal, &config);
    assert_eq!(again.len(), 2, "it is there to be started again");
}

#[test]
fn what_a_device_cannot_do_is_said() {
    let eal = eal();
    let fails = |config: &DeviceConfig| Device::start(&eal, config).err().unwrap();
    assert!(matches!(fails(&small("net_nosuch0", "")), DeviceError::Virtual { .. }));
    assert!(matches!(fails(&small("0000:ff:1f.7", "")), DeviceError::Unknown { .. }));
    assert!(matches!(fails(&small("net_null0", "a\0b")), DeviceError::Text { .. }));
    let many = DeviceConfig { queue_pairs: u16::MAX, ..small("net_null0", "") };
    assert!(matches!(fails(&many), DeviceError::QueuePairs { asked_count: u16::MAX, .. }));
    let long = DeviceConfig { mtu_bytes: 9001, ..small("net_null0", "") };
    assert!(matches!(fails(&long), DeviceError::Mtu { asked_bytes: 9001, .. }));
    let large = DeviceConfig { held_buffers: 1 << 20, ..small("net_null0", "") };
    assert!(matches!(fails(&large), DeviceError::Buffers { .. }));
    let path = socket("stale");
    std::fs::write(&path, "").unwrap();
    let stale = small("net_memif0", &format!("role=server,socket-abstract=no,socket={}", path.display()));
    let error = fails(&stale).to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(error.contains("exists already; remove the file"), "{error}");
    assert_eq!(open(&eal, &DeviceConfig { mtu_bytes: 9000, ..small("net_null0", "") })[0].mtu_bytes(), 9000);
}

/// The other end of a memif, in a process of its own: what it is told on its standard input, it does.
struct Peer {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(test: &str, socket: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env("ADIT_MEMIF_PEER", socket);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, answers }
    }

    fn tell(&mut self, count: usize) {
        let input = self.process.stdin.as_mut().unwrap();
        input.write_all(format!("{count}\n").as_bytes()).unwrap();
    }

    /// Waits for a line with a word.
    fn await_word(&mut self, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the peer ended before it said {word:?}");
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One frame on each of two queue pairs, there and back.
#[test]
fn queue_pairs_of_a_memif_stay_apart() {
    const NAME: &str = "queue_pairs_of_a_memif_stay_apart";
    let role = std::env::var("ADIT_MEMIF_PEER").ok();
    let path = role.clone().map_or_else(|| socket("pairs"), PathBuf::from);
    let end = if role.is_some() { "client" } else { "server" };
    let eal = eal();
    let config = small("net_memif0", &format!("role={end},socket={}", path.display()));
    let mut pairs = open(&eal, &DeviceConfig { queue_pairs: 2, ..config });
    let peer = role.is_none().then(|| Peer::start(NAME, &path));
    wait("the other end is there", || pairs[0].link_is_up());
    let mut burst = Vec::new();
    for (number, frames) in (0_u8..).zip(&mut pairs) {
        if role.is_some() {
            let mut sent = vec![frame(frames.mempool(), &[number; 60])];
            wait("it was sent", || {
                frames.tx_burst(&mut sent);
                sent.is_empty()
            });
        }
        wait("it came on this queue", || {
            frames.rx_burst(&mut burst);
            !burst.is_empty()
        });
        assert_eq!((burst.len(), burst[0].bytes()), (1, &[number; 60][..]));
        if role.is_none() {
            frames.tx_burst(&mut burst);
        }
        burst.clear();
    }
    if let Some(mut peer) = peer {
        assert!(peer.process.wait().unwrap().success());
    }
}

/// Sends as many numbered frames as each line of the standard input says, and waits for their echo.
fn be_a_peer(socket: &str) {
    let eal = eal();
    let mut frames = open(&eal, &small("net_memif0", &format!("role=client,socket={socket}"))).remove(0);
    wait("the server is there", || frames.link_is_up());
    println!("connected");
    for line in std::io::stdin().lines() {
        let count: u32 = line.unwrap().parse().unwrap();
        let (mut sent, mut received, mut burst) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = 0;
        wait("all came back", || {
            if sent.is_empty() && next < count {
                sent.push(frame(frames.mempool(), &next.to_le_bytes().repeat(15)));
                next += 1;
            }
            frames.tx_burst(&mut sent);
            frames.rx_burst(&mut burst);
            received.extend(burst.drain(..).map(|frame| frame.bytes()[..4].to_vec()));
            received.len() == usize::try_from(count).unwrap()
        });
        let numbers = received.iter().map(|bytes| u32::from_le_bytes(bytes[..].try_into().unwrap()));
        assert!(numbers.eq(0..count));
        println!("echoed");
    }
}

#[test]
fn a_memif_client_that_vanishes_is_survived_and_may_come_back() {
    const NAME: &str = "a_memif_client_that_vanishes_is_survived_and_may_come_back";
    if let Some(socket) = std::env::var_os("ADIT_MEMIF_PEER") {
        return be_a_peer(socket.to_str().unwrap());
    }
    let path = socket("vanish");
    let eal = eal();
    let config = small("net_memif0", &format!("role=server,socket={}", path.display()));
    let mut frames = open(&eal, &config).remove(0);
    let mempool = frames.mempool().clone();
    assert!(!frames.link_is_up());
    for round in 1..=2 {
        let mut peer = Peer::start(NAME, &path);
        peer.await_word("connected");
        wait("the client is there", || frames.link_is_up());
        peer.tell(1000);
        let (mut burst, before) = (Vec::new(), frames.counters().tx_frames);
        wait("all were echoed", || {
            frames.rx_burst(&mut burst);
            frames.tx_burst(&mut burst);
            frames.counters().tx_frames == before + 1000
        });
        peer.await_word("echoed");
        // It dies with frames under way.
        peer.tell(1_000_000);
        let before = frames.counters().rx_frames;
        wait("some more came", || {
            frames.rx_burst(&mut burst);
            frames.tx_burst(&mut burst);
            frames.counters().rx_frames > before + 100
        });
        drop(peer);
        wait("it is gone", || !frames.link_is_up());
        burst.clear();
        let mut late = vec![frame(&mempool, &[0; 60])];
        let blocked = frames.counters().tx_blocked;
        frames.tx_burst(&mut late);
        assert_eq!(
            (late.len(), frames.counters().tx_blocked),
            (1, blocked + 1),
            "nobody takes it: round {round}"
        );
        late.clear();
        assert_eq!(mempool.free_count(), mempool.count(), "every buffer is home: round {round}");
    }
}

#[test]
fn frames_of_the_kernel_come_over_a_veth() {
    enter_namespace();
    run("ip link add near type veth peer name far");
    run("ip link set near address 02:00:00:00:00:01 up");
    run("ip link set far address 02:00:00:00:00:02 up");
    run("ip address add 10.9.0.2/24 dev far");
    run("ip neighbour add 10.9.0.1 lladdr 02:00:00:00:00:01 dev far");
    let eal = eal();
    let mut frames = open(&eal, &small("net_af_packet0", "iface=near")).remove(0);
    assert_eq!(frames.mac(), [2, 0, 0, 0, 0, 1]);
    let kernel = UdpSocket::bind("10.9.0.2:0").unwrap();
    kernel.connect("10.9.0.1:7000").unwrap();
    kernel.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (mut burst, mut replies) = (Vec::new(), Vec::new());
    for round in 0..100_u8 {
        kernel.send(&[round; 32]).unwrap();
        wait("the datagram came", || {
            frames.rx_burst(&mut burst);
            // The kernel sends of its own accord too: neighbour discovery.
            burst.retain(|frame| frame.bytes()[12..14] == [8, 0] && frame.bytes()[23] == 17);
            !burst.is_empty()
        });
        let mut reply = burst.pop().unwrap();
        assert_eq!(&reply.bytes()[42..74], [round; 32]);
        // Addresses and ports change places. The kernel leaves the UDP checksum to its device, so it is taken out.
        for (first, len) in [(0, 6), (26, 4), (34, 2)] {
            let (one, other) = reply.bytes_mut()[first..first + 2 * len].split_at_mut(len);
            one.swap_with_slice(other);
        }
        reply.bytes_mut()[40..42].fill(0);
        replies.push(reply);
        frames.tx_burst(&mut replies);
        assert!(replies.is_empty());
        let mut bytes = [0; 64];
        assert_eq!(kernel.recv(&mut bytes).unwrap(), 32);
        assert_eq!(bytes[..32], [round; 32]);
    }
    let mempool = frames.mempool().clone();
    drop((frames, burst));
    assert_eq!(mempool.free_count(), mempool.count());
}

#[test]
fn a_queue_that_sleeps_is_woken_by_a_frame() {
    enter_namespace();
    let eal = eal();
    let mut frames = Frames::Dpdk(open(&eal, &small("net_tap0", "iface=tap")).remove(0));
    run("ip link set tap up");
    run("ip address add 10.9.0.2/24 dev tap");
    run("ip neighbour add 10.9.0.1 lladdr 02:00:00:00:00:01 dev tap");
    let kernel = UdpSocket::bind("10.9.0.2:0").unwrap();
    let mut burst = Vec::new();
    for round in 0..10_u8 {
        assert!(frames.arm());
        kernel.send_to(&[round; 32], "10.9.0.1:7000").unwrap();
        // The kernel greets its neighbours over IPv6 too.
        while !burst.iter().any(|frame: &Frame| frame.bytes().ends_with(&[round; 32])) {
            let file = frames.interrupt().unwrap();
            let limit = Timespec { tv_sec: 30, tv_nsec: 0 };
            let mut polled = [PollFd::from_borrowed_fd(file, PollFlags::IN)];
            assert_eq!(poll(&mut polled, Some(&limit)).unwrap(), 1, "it is woken");
            frames.rx_burst(&mut burst);
        }
        frames.disarm();
        burst.clear();
    }
}
