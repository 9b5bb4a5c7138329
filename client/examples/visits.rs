//! Counts a visit, once, whatever the network does: `cargo run --example visits -p adit-client [ADDRESS]`.

use adit_client::core::CoreConfig;
use adit_client::{BucketId, Client, Condition, Config, Error, PutOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    if let Some(address) = std::env::args().nth(1) {
        config.core = CoreConfig { address: address.parse()?, ..CoreConfig::default() };
    }
    let mut client = Client::connect(config)?;
    let bucket = BucketId(0);
    let visits = client.add(bucket, b"visits", 1)?;
    println!("visit number {visits}");
    // Compare and swap: only if nobody has written meanwhile.
    let version = client.get(bucket, b"greeting")?.map_or(0, |value| value.version);
    let options = PutOptions { condition: Condition::IfVersion(version), ..PutOptions::default() };
    match client.put(bucket, b"greeting", b"hello".to_vec(), options) {
        Ok(version) => println!("greeting is version {version}"),
        Err(Error::State(state)) => println!("somebody was faster: {state:?}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
