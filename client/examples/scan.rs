//! Prints the keys of a bucket that begin with a word: `cargo run --example scan -p adit-client [ADDRESS]`.

use std::error::Error;

use adit_client::{BucketId, Client, Config};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7400".to_owned());
    run(Config::at(address.parse()?))
}

pub(crate) fn run(config: Config) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(config)?;
    let bucket = BucketId(1);
    let pairs = (0..500).map(|fruit| (format!("fruit:{fruit}"), "ripe")).collect();
    client.multi_put(bucket, pairs, false)?;
    // A key that is written or removed meanwhile may come or not, and one may come twice; all others come.
    let mut count = 0;
    for key in client.scan(bucket) {
        count += usize::from(key?.starts_with(b"fruit:"));
    }
    println!("{count} fruits");
    // Several values at one moment.
    let values = client.multi_get(bucket, ["fruit:1", "fruit:none"].into_iter().collect())?;
    for value in values.iter() {
        println!("{}", value.map_or_else(|| "not there".into(), String::from_utf8_lossy));
    }
    client.close();
    Ok(())
}
