//! `topics`: what a Kafka cluster must hold for Move37, and making it so.

use std::num::NonZeroU16;

use move37_events::documents;
use move37_kafka::{Settings, Topics};
use serde_json::json;

use crate::failure::{Answer, Failure};
use crate::output;

/// Print the topics that Move37 needs of a Kafka cluster, or create them there
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 topics print\n  move37 topics apply --kafka localhost:9092")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print what a cluster must hold
    #[command(after_help = "Example:\n  move37 topics print acls > acls.yaml")]
    Print {
        /// Topics, access rules, or the AsyncAPI description of the streams
        #[arg(value_enum, default_value_t = Document::Topics)]
        document: Document,
        /// Print one JSON object that holds the text
        #[arg(long)]
        json: bool,
    },
    /// Create the topics that are missing; nothing is changed where a topic that is there would lose facts
    #[command(after_help = "Example:\n  move37 topics apply --kafka kafka-0:9092,kafka-1:9092 --replication 3\n\n\
        Exit codes: 0 the topics are there, 1 refused because facts would get lost, 2 wrong usage, 3 it could not be done.")]
    Apply {
        /// Brokers, separated by commas
        #[arg(long, value_name = "HOST:PORT")]
        kafka: String,
        /// Brokers that keep each record [default: 3, or as many as there are]
        #[arg(long, value_name = "N")]
        replication: Option<NonZeroU16>,
        /// Put this before every topic's name, where systems share a cluster
        #[arg(long, value_name = "TEXT", default_value = "")]
        prefix: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Document {
    Topics,
    Acls,
    Asyncapi,
}

impl Arguments {
    /// Whether machines read the output.
    pub fn json(&self) -> bool {
        let (Action::Print { json, .. } | Action::Apply { json, .. }) = &self.action;
        *json
    }
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    match &arguments.action {
        Action::Print { document, json } => {
            let text = match document {
                Document::Topics => documents::topics(),
                Document::Acls => documents::acls(),
                Document::Asyncapi => documents::asyncapi(),
            };
            match json {
                true => output::json(&json!({ "text": text })),
                false => output::line(text.trim_end()),
            }
            Ok(Answer::Yes)
        }
        Action::Apply { kafka, replication, prefix, json } => {
            let mut settings = Settings::new(kafka);
            settings.prefix.clone_from(prefix);
            apply(settings, replication.map(NonZeroU16::get), *json).await
        }
    }
}

async fn apply(settings: Settings, replication: Option<u16>, json: bool) -> Result<Answer, Failure> {
    let prefix = settings.prefix.clone();
    let topics = Topics::connect(settings).await?;
    let examined = topics.examine().await?;
    let (dangers, remarks): (Vec<_>, Vec<_>) = examined.findings.iter().partition(|finding| finding.is_dangerous());
    let is_refused = !dangers.is_empty();
    let mut created = Vec::new();
    if !is_refused && !examined.missing.is_empty() {
        let replication = match replication {
            Some(replication) => replication,
            None => topics.usual_replication().await?,
        };
        topics.create(&examined.missing, replication).await?;
        created.extend(examined.missing.iter().map(|topic| format!("{prefix}{topic}")));
    }
    let sentences =
        |findings: &[&move37_kafka::Finding]| -> Vec<String> { findings.iter().map(ToString::to_string).collect() };
    let (dangers, remarks) = (sentences(&dangers), sentences(&remarks));
    if json {
        output::json(&json!({ "created": created, "refused": dangers, "remarks": remarks }));
    } else {
        created.iter().for_each(|topic| output::line(format!("created  {topic}")));
        remarks.iter().for_each(|remark| output::line(format!("remark   {remark}")));
        dangers.iter().for_each(|danger| output::line(format!("refused  {danger}")));
        output::line(match (is_refused, created.len()) {
            (true, _) => "nothing was changed: put the topics above in order, then run it again".to_owned(),
            (false, 0) => "every topic was there already".to_owned(),
            (false, n) => format!("{n} topic(s) created: the cluster is ready"),
        });
    }
    Ok(Answer::from_bool(!is_refused))
}
