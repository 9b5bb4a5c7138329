//! Reads long values again and again by a port, and prints how long the shard has worked for each:
//! `cargo run --release --features dpdk --example long_reads -p adit-client ADDRESS PORT [BYTES] [READS] [IN_FLIGHT]`.

use std::error::Error;
use std::time::{Duration, Instant};

use adit_client::core::CoreConfig;
use adit_client::{BucketId, Client, Config, KeyAction, Operation, PutOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, usual: usize| arguments.get(index).map_or(Ok(usual), |text| text.parse());
    let (address, port) = (arguments.first().ok_or("ADDRESS?")?, arguments.get(1).ok_or("PORT?")?);
    let (value_bytes, reads, in_flight) = (number(2, 1 << 20)?, number(3, 1000)?, number(4, 1)?);
    let core = CoreConfig { address: address.parse()?, frame_bytes: 8972, ..CoreConfig::default() };
    let mut client = Client::connect(Config { core, port: Some(port.clone()), ..Config::default() })?;
    let bucket = BucketId(0);
    let key = |number: usize| format!("long:{}", number % KEYS).into_bytes();
    for number in 0..KEYS {
        client.put(bucket, &key(number), vec![u8::try_from(number)?; value_bytes], PutOptions::default())?;
    }
    let busy_ns = |client: &mut Client| -> Result<u64, Box<dyn Error>> {
        let lines = client.stats(0)?;
        let count = lines.lines().find_map(|line| line.strip_prefix("BusyNs ")?.parse().ok());
        Ok(count.ok_or_else(|| format!("no BusyNs in {lines}"))?)
    };
    let (mut begun, mut done, mut completions) = (0, 0, Vec::new());
    let (before_ns, start) = (busy_ns(&mut client)?, Instant::now());
    while done < reads {
        while begun < reads && begun - done < in_flight {
            let read = Operation::on_key(bucket, key(begun), KeyAction::Get);
            client.submit(read).map_err(|_| "too many in flight")?;
            begun += 1;
        }
        client.poll(Duration::from_secs(10), &mut completions);
        for completion in completions.drain(..) {
            completion.result?;
            done += 1;
        }
    }
    let (elapsed, after_ns) = (start.elapsed(), busy_ns(&mut client)?);
    let per_read = |ns: u128| ns as f64 / reads as f64 / 1000.0;
    println!(
        "{value_bytes} bytes, {in_flight} in flight: {:.1} us each, {:.2} GB/s; the shard worked {:.1} us for each",
        per_read(elapsed.as_nanos()),
        value_bytes as f64 * reads as f64 / elapsed.as_nanos() as f64,
        per_read(u128::from(after_ns - before_ns)),
    );
    client.close();
    Ok(())
}

/// Values that are read in turn.
const KEYS: usize = 32;
