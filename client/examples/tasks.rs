//! Many tasks with one session: `cargo run --example tasks --features tokio -p adit-client [ADDRESS]`.

use std::error::Error;

use adit_client::{AsyncClient, BucketId, Config, ScanPlace};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7400".to_owned());
    run(Config::at(address.parse()?))
}

pub(crate) fn run(config: Config) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let client = AsyncClient::connect(config).await?;
    let bucket = BucketId(2);
    let visit =
        |client: AsyncClient, page: usize| async move { client.add(bucket, format!("page:{page}"), 1).await };
    let visits: Vec<_> = (0..1_000).map(|number| tokio::spawn(visit(client.clone(), number % 10))).collect();
    for visit in visits {
        visit.await??;
    }
    let mut place = Some(ScanPlace::default());
    while let Some(from) = place {
        let page = client.scan(bucket, from, 100).await?;
        for key in page.keys {
            let visits = client.take(bucket, key.clone()).await?;
            let visits = visits.map_or_else(Vec::new, adit_client::Value::into_vec);
            println!("{}: {}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&visits));
        }
        place = page.next;
    }
    Ok(())
}
