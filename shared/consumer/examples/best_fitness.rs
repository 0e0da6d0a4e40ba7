//! Follows a system and prints every new best fitness.
//!
//! ```sh
//! cargo run -p move37-consumer --example best_fitness -- --kafka localhost:9092
//! cargo run -p move37-consumer --example best_fitness -- .move37
//! ```

use std::path::Path;
use std::sync::Arc;

use move37_consumer::Consumer;
use move37_eventlog::EventLog;
use move37_events::facts::{AnalystFact, FitnessScored};
use move37_events::{Fact, Topic};
use move37_kafka::{KafkaLog, Settings};
use move37_sqlite::SqliteLog;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let log: Arc<dyn EventLog> = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--kafka", bootstrap] => Arc::new(KafkaLog::connect(Settings::new(*bootstrap)).await?),
        [directory] => Arc::new(SqliteLog::open_read_only(Path::new(directory).join("log.db"))?),
        _ => anyhow::bail!("name a state directory, or --kafka HOST:PORT"),
    };
    let mut facts = Consumer::new(log).topics([Topic::Analyst]).open().await?;
    let mut best = f64::NEG_INFINITY;
    loop {
        let record = facts.next_fact().await?;
        if let Fact::Analyst(AnalystFact::FitnessScored(FitnessScored { experiment, fitness: Some(fitness), .. })) =
            &record.fact
            && *fitness > best
        {
            best = *fitness;
            println!("{}  fitness {best:.3}  experiment {experiment} of {}", record.time(), record.id().key);
        }
    }
}
