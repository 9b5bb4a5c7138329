//! Changes a value that others change too, losing nothing: `cargo run --example update -p adit-client [ADDRESS]`.

use std::error::Error;
use std::thread;

use adit_client::{BucketId, Client, Config};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7400".to_owned());
    run(Config::at(address.parse()?))
}

pub(crate) fn run(config: Config) -> Result<(), Box<dyn Error>> {
    let bucket = BucketId(0);
    let mut client = Client::connect(config.clone())?;
    client.delete(bucket, b"guests")?;
    thread::scope(|scope| {
        let guests = ["ada", "grace", "barbara"].map(|name| scope.spawn(|| sign(config.clone(), name)));
        guests.into_iter().try_for_each(|guest| guest.join().unwrap_or(Err(adit_client::Error::Device)))
    })?;
    let list = client.get(bucket, b"guests")?.ok_or("somebody has deleted it")?;
    println!("{}", String::from_utf8_lossy(list.bytes()));
    client.close();
    Ok(())
}

/// Adds a name to the list, if it is not there: each thread has a client of its own.
fn sign(config: Config, name: &str) -> Result<(), adit_client::Error> {
    let mut client = Client::connect(config)?;
    let version = client.update(BucketId(0), b"guests", |list| {
        let list = String::from_utf8_lossy(list.unwrap_or_default());
        let is_there = list.lines().any(|line| line == name);
        (!is_there).then(|| format!("{list}{name}\n").into_bytes())
    })?;
    println!("{name}: {version:?}");
    client.close();
    Ok(())
}
