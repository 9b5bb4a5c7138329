//! Counts a visit, once, whatever the network does: `cargo run --example visits -p adit-client [ADDRESS]`.

use std::error::Error;

use adit_client::{BucketId, Client, Config, Swap};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7400".to_owned());
    run(Config::at(address.parse()?))
}

pub(crate) fn run(config: Config) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(config)?;
    let bucket = BucketId(0);
    let visits = client.add(bucket, b"visits", 1)?;
    println!("visit number {visits}");
    // Compare and swap: only if nobody has written meanwhile.
    let version = client.get(bucket, b"greeting")?.map_or(0, |value| value.version);
    match client.swap(bucket, b"greeting", version, "hello")? {
        Swap::Done { version } => println!("greeting is version {version}"),
        Swap::Conflict { version } => println!("somebody was faster: it is version {version}"),
    }
    client.close();
    Ok(())
}
