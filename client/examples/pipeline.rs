//! Sends many operations at once and prints their answers: `cargo run --example pipeline -p adit-client [ADDRESS]`.

use std::error::Error;

use adit_client::error::State;
use adit_client::{Answer, BucketId, Client, Config, PutOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7400".to_owned());
    run(Config::at(address.parse()?))
}

pub(crate) fn run(config: Config) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(config)?;
    let bucket = BucketId(0);
    // More than the window: what does not fit waits for room.
    let mut pipeline = client.pipeline();
    for city in 0..1_000 {
        let name = format!("city {city}");
        pipeline.put(bucket, format!("city:{city}"), name, PutOptions::default());
    }
    let failed = pipeline.run().into_iter().filter(Result::is_err).count();
    println!("{failed} of 1000 puts failed");
    // Answers come in the order in which the operations were added.
    let answers = client
        .pipeline()
        .get(bucket, "city:7")
        .get(bucket, "city:none")
        .add(bucket, "cities", 1_000)
        .delete(bucket, "cities")
        .run();
    for answer in answers {
        match answer {
            Ok(Answer::Value(value)) => println!("found {}", String::from_utf8_lossy(value.bytes())),
            Ok(Answer::Sum(sum)) => println!("{sum} cities"),
            Ok(other) => println!("{other:?}"),
            Err(adit_client::Error::State(State::NotFound)) => println!("not found"),
            Err(error) => return Err(error.into()),
        }
    }
    client.close();
    Ok(())
}
