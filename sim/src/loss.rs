//! What loss costs: additions of one client over a network that loses datagrams, and their sum.

use std::net::SocketAddr;

use adit_client::operation::KeyAction;
use adit_client::{Answer, BucketId, Operation};
use adit_drivers::sim::SimFaults;

use crate::appliance::Appliance;
use crate::client::Client;

/// What came of a number of additions.
#[derive(Clone, Copy, Debug)]
pub struct Additions {
    /// How long they took, on the clock of the simulator.
    pub took_ns: u64,
    /// The sum that the server has come to.
    pub sum: i64,
    /// Datagrams that were lost.
    pub lost: u64,
    /// Requests that were sent again.
    pub retransmissions: u64,
}

/// Adds 1 so many times, with `in_flight` additions under way at a time, over a network whose round trip takes `round_trip_ns` and
/// that loses one datagram in `lose_one_in`, or none.
pub fn add(count: u64, in_flight: u16, round_trip_ns: u64, lose_one_in: u64, seed: u64) -> Additions {
    let delay_ns = round_trip_ns / 2;
    let faults = SimFaults { lose_one_in, jitter_ns: delay_ns / 10, ..SimFaults::none(delay_ns) };
    let mut appliance = Appliance::new(1, 1_472, faults, seed);
    let address = SocketAddr::from(([10, 0, 1, 1], 1));
    let mut client = Client::new(&appliance, address, false, in_flight, 1_472, seed);
    let operation = || Operation::on_key(BucketId(0), *b"sum", KeyAction::Add(1));
    let (mut begun, mut done, mut sum, mut start_ns) = (0, 0, 0, None);
    while done < count {
        assert!(appliance.shards[0].turn());
        for completion in client.turn(&appliance) {
            let Ok(Answer::Sum(now)) = completion.result else { panic!("{completion:?}") };
            sum = now.max(sum);
            done += 1;
            // The session is open now.
            start_ns.get_or_insert_with(|| appliance.now_ns());
        }
        // The first one opens the session.
        let most = if done == 0 { 1 } else { count };
        while begun < most && client.submit(operation(), u64::MAX).is_some() {
            begun += 1;
        }
        client.turn(&appliance);
        let now_ns = appliance.now_ns();
        let next = appliance.datagrams.next_delivery_ns().into_iter().chain(client.next_event_ns(|_| false));
        appliance.advance(next.min().unwrap_or(now_ns).clamp(now_ns + 1_000, now_ns + round_trip_ns));
    }
    Additions {
        took_ns: appliance.now_ns() - start_ns.unwrap_or(0),
        sum,
        lost: appliance.datagrams.counts().lost,
        retransmissions: client.core.counters().retransmissions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_count_once_whatever_is_lost() {
        for lose_one_in in [0, 100, 10, 3] {
            let additions = add(2_000, 32, 100_000, lose_one_in, 7);
            assert_eq!(additions.sum, 2_000, "one in {lose_one_in}");
            assert_eq!(additions.lost > 0, lose_one_in > 0);
        }
    }
}
