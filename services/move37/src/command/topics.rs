//! `topics`: what a Kafka cluster must hold for Move37, and making it so.

use std::num::NonZeroU16;
use std::path::PathBuf;

use move37_events::documents;
use move37_kafka::{Access, Right, Secret, Settings, Topics, passwords};
use serde_json::json;

use crate::failure::{Answer, Failure};
use crate::output;
use crate::place::Cluster;

/// Print what Move37 needs of a Kafka cluster, or make it so there
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
    /// Create the topics that are missing, and on demand users and their rights; nothing is changed where a topic that
    /// is there would lose facts
    #[command(after_help = "Examples:\n  move37 topics apply --kafka kafka-0:9092,kafka-1:9092 --replication 3\n  \
        move37 topics apply --kafka-config admin.toml --acls --passwords passwords/\n\n\
        Exit codes: 0 the cluster is ready, 1 it is not (facts would get lost, or somebody has a dangerous right), \
        2 wrong usage, 3 it could not be done.")]
    Apply(Apply),
}

#[derive(Debug, clap::Args)]
struct Apply {
    #[command(flatten)]
    cluster: Cluster,
    /// Brokers that keep each record [default: 3, or as many as there are]
    #[arg(long, value_name = "N")]
    replication: Option<NonZeroU16>,
    /// Put this before every topic's name, where systems share a cluster
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Give every role the rights of kafka/acls.yaml, and tell who else has some
    #[arg(long)]
    acls: bool,
    /// Take away the rights on our topics and groups that kafka/acls.yaml does not list
    #[arg(long, requires = "acls")]
    prune: bool,
    /// Make the users of the files in this folder, each named after its user and holding the password
    #[arg(long, value_name = "DIR")]
    passwords: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
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
        let (Action::Print { json, .. } | Action::Apply(Apply { json, .. })) = &self.action;
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
        Action::Apply(arguments) => apply(arguments).await,
    }
}

/// What was done to a cluster and found there, as sentences.
#[derive(Default)]
struct Done {
    created: Vec<String>,
    users: Vec<String>,
    granted: Vec<String>,
    pruned: Vec<String>,
    remarks: Vec<String>,
    /// Why the cluster is not ready.
    refused: Vec<String>,
}

async fn apply(arguments: &Apply) -> Result<Answer, Failure> {
    let mut settings = arguments.cluster.required()?;
    if let Some(prefix) = &arguments.prefix {
        settings.prefix.clone_from(prefix);
    }
    let users = arguments.passwords.as_deref().map(passwords).transpose()?.unwrap_or_default();
    let mut done = Done::default();
    create(&settings, arguments.replication, &mut done).await?;
    if done.refused.is_empty() && (arguments.acls || !users.is_empty()) {
        let access = Access::connect(settings).await?;
        access.set_passwords(&users).await?;
        done.users.extend(users.iter().map(|(role, _): &(_, Secret)| role.to_string()));
        if arguments.acls {
            govern(&access, arguments.prune, &mut done).await?;
        }
    }
    done.print(arguments.json);
    Ok(Answer::from_bool(done.refused.is_empty()))
}

async fn create(settings: &Settings, replication: Option<NonZeroU16>, done: &mut Done) -> Result<(), Failure> {
    let topics = Topics::connect(settings.clone()).await?;
    let examined = topics.examine().await?;
    let (dangers, remarks): (Vec<_>, Vec<_>) = examined.findings.iter().partition(|finding| finding.is_dangerous());
    done.refused.extend(dangers.iter().map(ToString::to_string));
    done.remarks.extend(remarks.iter().map(ToString::to_string));
    if !dangers.is_empty() || examined.missing.is_empty() {
        return Ok(());
    }
    let replication = match replication {
        Some(replication) => replication.get(),
        None => topics.usual_replication().await?,
    };
    topics.create(&examined.missing, replication).await?;
    done.created.extend(examined.missing.iter().map(|topic| format!("{}{topic}", settings.prefix)));
    Ok(())
}

async fn govern(access: &Access, prune: bool, done: &mut Done) -> Result<(), Failure> {
    let rights = access.examine().await?;
    access.grant(&rights.missing).await?;
    done.granted.extend(rights.missing.iter().map(ToString::to_string));
    let pruned = if prune { access.prune(&rights.foreign).await? } else { Vec::new() };
    done.pruned.extend(pruned.iter().map(ToString::to_string));
    let left = rights.foreign.iter().filter(|right| !pruned.contains(right));
    let (dangers, remarks): (Vec<&Right>, Vec<_>) = left.partition(|right| right.is_dangerous());
    let unlisted = "which kafka/acls.yaml does not list";
    let next = if prune { "it also concerns others, so remove it by hand" } else { "remove it with --prune" };
    done.refused.extend(dangers.iter().map(|right| format!("{right}, {unlisted}: {next}")));
    done.remarks.extend(remarks.iter().map(|right| format!("{right}, {unlisted}")));
    Ok(())
}

impl Done {
    fn print(&self, json: bool) {
        let Done { created, users, granted, pruned, remarks, refused } = self;
        if json {
            return output::json(&json!({
                "created": created, "users": users, "granted": granted, "pruned": pruned, "remarks": remarks,
                "refused": refused,
            }));
        }
        let lines = [
            ("created", created),
            ("user", users),
            ("granted", granted),
            ("pruned", pruned),
            ("remark", remarks),
            ("refused", refused),
        ];
        for (what, sentences) in lines {
            sentences.iter().for_each(|sentence| output::line(format!("{what:<9}{sentence}")));
        }
        let changes = created.len() + users.len() + granted.len() + pruned.len();
        output::line(match (refused.is_empty(), changes) {
            (false, 0) => "nothing was changed: put what is refused above in order, then run it again".to_owned(),
            (false, n) => format!("{n} change(s) made, but put what is refused above in order, then run it again"),
            (true, 0) => "everything was there already".to_owned(),
            (true, n) => format!("{n} change(s) made: the cluster is ready"),
        });
    }
}
