//! How long a read takes that has the way for itself: `round_trip ADDRESS [COUNT]`, over UDP, or by a port if `ADIT_PORT` names
//! one.

use std::time::Instant;

use adit_client::{BucketId, Client, Config, PutOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: round_trip ADDRESS [COUNT]")?.parse()?;
    let count: usize = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let port = Config::port_of_environment();
    let mut client = Client::connect(Config { port, busy_poll: true, ..Config::at(address) })?;
    client.put(BucketId(0), b"round trip", [0_u8; 64].to_vec(), PutOptions::default())?;
    let mut times_ns = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        client.get(BucketId(0), b"round trip")?;
        times_ns.push(begun.elapsed().as_nanos());
    }
    client.close();
    times_ns.sort_unstable();
    let percentile = |percent: usize| times_ns.get(count * percent / 100).copied().unwrap_or(0);
    println!("{count} reads: {} ns half of them, {} ns 99 of 100", percentile(50), percentile(99));
    Ok(())
}
