//! Stores a file as a value and reads it back, 2 MiB of it in memory at a time:
//! `cargo run --example large_value -p adit-client ADDRESS FILE COPY`.

use std::error::Error;
use std::fs::File;
use std::io;
use std::path::Path;

use adit_client::{BucketId, Client, Config, PutOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, file, copy] = &arguments[..] else {
        return Err("name the address of the server, a file, and where its copy goes".into());
    };
    run(Config::at(address.parse()?), file.as_ref(), copy.as_ref())
}

pub(crate) fn run(config: Config, file: &Path, copy: &Path) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(config)?;
    let (bucket, key) = (BucketId(0), b"file");
    let mut input = File::open(file)?;
    let len_bytes = input.metadata()?.len();
    let mut value = client.write_value(bucket, key, len_bytes, PutOptions::default())?;
    io::copy(&mut input, &mut value)?;
    // Until now nothing is written.
    let version = value.finish()?;
    println!("stored {len_bytes} bytes as version {version}");
    let mut value = client.read_value(bucket, key)?.ok_or("somebody has deleted it")?;
    let read_bytes = io::copy(&mut value, &mut File::create(copy)?)?;
    println!("read {read_bytes} bytes of version {}", value.version());
    drop(value);
    client.delete(bucket, key)?;
    client.close();
    Ok(())
}
