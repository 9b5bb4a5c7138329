//! The server: a burst is received, turned around where it lies, transmitted.

use std::sync::atomic::{AtomicBool, Ordering};

use adit_drivers::dpdk::spec::PortSpec;
use adit_drivers::frames::{FRAMES_PER_BURST_MAX, Frame, Frames};
use adit_net::StackConfig;
use adit_net::echo::Echo;

/// Turns datagrams to `udp_port` around until `interrupted`.
pub(super) fn run(mut frames: Frames, spec: &PortSpec, udp_port: u16, interrupted: &AtomicBool) {
    let echo = Echo::new(frames.mac(), &StackConfig::of_port(spec, udp_port));
    let mut burst: Vec<Frame> = Vec::with_capacity(FRAMES_PER_BURST_MAX);
    while !interrupted.load(Ordering::Relaxed) {
        turn(&mut frames, &echo, &mut burst);
    }
}

#[inline]
fn turn(frames: &mut Frames, echo: &Echo, burst: &mut Vec<Frame>) {
    frames.rx_burst(burst);
    if burst.is_empty() {
        return;
    }
    burst.retain_mut(|frame| echo.turn(frame));
    for _ in 0..OFFERS_MAX {
        frames.tx_burst(burst);
        if burst.is_empty() {
            return;
        }
    }
    // Whoever does not receive loses it.
    burst.clear();
}

/// Times that a burst is offered to the device before it is dropped.
const OFFERS_MAX: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::*;
    use adit_drivers::frames::FRAME_HEADROOM_BYTES;
    use adit_drivers::port::Mempool;
    use adit_drivers::sim::{CableFaults, SimFrames};

    #[test]
    fn packets_come_back_until_the_time_is_over() {
        let mempool = || Mempool::with_headroom(64, 2048, FRAME_HEADROOM_BYTES);
        let [client, server] = SimFrames::pair(
            1,
            CableFaults::NONE,
            1500,
            [1, 2].map(|byte| ([2, 0, 0, 0, 0, byte], mempool())),
        );
        let (mut client, mut server) = (Frames::Sim(client), Frames::Sim(server));
        let echo = Echo::new(server.mac(), &StackConfig::new([10, 9, 0, 2].into(), 24, 7));
        let source = ([2, 0, 0, 0, 0, 1], "10.9.0.1:7001".parse().unwrap());
        for has_checksum in [true, false] {
            let mut packet = Packet::new(source, "10.9.0.2:7".parse().unwrap(), 64, has_checksum);
            let mut burst = Vec::new();
            for sequence in 0..5 {
                burst.push(packet.frame(client.mempool(), sequence).unwrap());
            }
            client.tx_burst(&mut burst);
            for _ in 0..10 {
                turn(&mut server, &echo, &mut Vec::new());
            }
            client.rx_burst(&mut burst);
            let numbers: Vec<_> = burst.iter().filter_map(|frame| packet.sequence(frame.bytes())).collect();
            assert_eq!(numbers, [0, 1, 2, 3, 4]);
            packet.learn(burst[0].bytes());
            packet.write(burst[0].bytes_mut(), 9);
            client.tx_burst(&mut burst.drain(..1).collect());
            turn(&mut server, &echo, &mut Vec::new());
            burst.clear();
            client.rx_burst(&mut burst);
            assert_eq!(packet.sequence(burst[0].bytes()), Some(9), "to the address that was learnt");
            assert_eq!(packet.sequence(&[0; 64]), None);
        }
    }
}
