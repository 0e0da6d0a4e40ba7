//! `bench`: what everything but training costs, on this machine or on a cluster.

mod cluster;
mod here;
mod measure;

use crate::failure::{Answer, Failure};
use crate::place::Place;

/// Measure what everything but training costs
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  move37 bench --experiments 100\n  \
    move37 bench --kafka localhost:9092 --lanes 1,10,100,1000 --seconds 60 --pid $(pgrep -d, -x memory)\n\n\
    Here: the gate on every published design, a campaign whose trainer answers at once, and, for every finished\n\
    campaign of the state directory, the share of its wall time in which nothing was trained.\n\
    On a cluster, with the services that run there and workers that rehearse: the time of one hop from service to\n\
    service at low load, and decisions per second with many lanes; its campaigns are called bench-N.")]
pub struct Arguments {
    /// Experiments of the campaign whose trainer does nothing; on a cluster, of the campaign at low load
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    experiments: u32,
    /// On a cluster: lanes under load, one campaign after the other
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    lanes: Vec<u32>,
    /// On a cluster: how long each campaign under load is watched
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// On a cluster: processes of this machine whose memory is told before and after the load
    #[arg(long = "pid", value_name = "PID,..", value_delimiter = ',')]
    pids: Vec<u32>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    match arguments.place.cluster()? {
        None => here::run(arguments.place.state(), arguments.experiments, arguments.json).await,
        Some(settings) => cluster::run(arguments, settings).await,
    }
}
