//! Making things go wrong, and right again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::cluster::Cluster;
use super::plan::{Act, Dice, Plan};
use crate::proxy::{Fault, RuleId};
use crate::system::{Answer, Kind, Member, Signal};

/// How long the system may take to get ready once nothing is wrong.
const SETTLING: Duration = Duration::from_secs(180);

/// How long it may take to append something once it is ready.
const PROGRESS: Duration = Duration::from_secs(120);

/// Kills during a calm, to measure recoveries undisturbed.
const MEASURED: usize = 4;

/// What happened.
#[derive(Debug, Default)]
pub struct Tally {
    /// Acts by name.
    pub acts: BTreeMap<&'static str, u32>,
    /// Services and workers that were killed.
    pub kills: u32,
    /// Of those, by kind.
    pub killed: BTreeMap<&'static str, u32>,
    /// Members that ended by themselves.
    pub fallen: Vec<String>,
    /// From the start of a killed process until it was ready, while nothing else was wrong.
    pub recoveries: Vec<Duration>,
    /// From the end of all faults until all were ready.
    pub settlings: Vec<Duration>,
    /// How often a full disk ended its broker.
    pub full_disks_that_ended_a_broker: u32,
}

/// A storm over a cluster with a running campaign.
pub struct Storm {
    /// The system.
    pub cluster: Cluster,
    /// What happened.
    pub tally: Tally,
    campaign: String,
    plan: Plan,
    dice: Dice,
    due: Vec<(Instant, Then)>,
    /// Commands that are being sent.
    orders: Vec<JoinHandle<Result<Value>>>,
    pauses: u32,
}

/// What puts an act right.
enum Then {
    Start(usize),
    Revive(usize),
    Lift(Vec<RuleId>),
    Wake(usize),
    /// One of a worker and its twin is killed: the worker, if true.
    Part(usize, Box<Member>, bool),
    Resume(u32),
    Empty,
}

impl Storm {
    /// A storm that is about to begin.
    pub fn new(cluster: Cluster, campaign: String, plan: Plan) -> Storm {
        let dice = Dice::new(plan.seed, cluster.disk.is_some());
        let (due, orders) = (Vec::new(), Vec::new());
        Storm { cluster, tally: Tally::default(), campaign, plan, dice, due, orders, pauses: 0 }
    }

    /// Blow until enough was killed or the time is over, with calms in between; the last is at the end.
    ///
    /// # Errors
    /// The system does not get ready or go on in a calm.
    pub async fn blow(&mut self) -> Result<()> {
        let begun = Instant::now();
        let over = |storm: &Storm| {
            let late = storm.plan.limit.is_some_and(|limit| begun.elapsed() > limit);
            late || storm.tally.kills >= storm.plan.kills
        };
        while !over(self) {
            for _ in 0..self.plan.acts_between_calms {
                if over(self) {
                    break;
                }
                let kinds: Vec<Kind> = self.cluster.members.iter().map(|member| member.kind).collect();
                let shape = &self.cluster.shape;
                let act = self.dice.act(&kinds, shape.brokers, shape.session, shape.lease);
                self.begin(act)?;
                let pause = self.dice.between(0.2, 2.5);
                self.pass(pause).await?;
            }
            self.calm().await?;
            println!(
                "{:>5} s  {} kills, {} broker kills, {} records",
                begun.elapsed().as_secs(),
                self.tally.kills,
                self.tally.acts.get("kill -9 of a broker").unwrap_or(&0),
                self.cluster.records().await?
            );
        }
        Ok(())
    }

    /// Let time pass: put right what is due, start again what ended.
    async fn pass(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            self.put_right(Instant::now())?;
            self.tally.fallen.extend(self.cluster.supervise()?);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(left.min(Duration::from_millis(50))).await;
        }
    }

    fn put_right(&mut self, now: Instant) -> Result<()> {
        while let Some(at) = self.due.iter().position(|(due, _)| *due <= now) {
            let (_, then) = self.due.swap_remove(at);
            self.then(then)?;
        }
        Ok(())
    }

    fn after(&mut self, time: Duration, then: Then) {
        self.due.push((Instant::now() + time, then));
    }

    fn begin(&mut self, act: Act) -> Result<()> {
        let name = act.name();
        let done = match act {
            Act::Kill(members) => {
                for (member, after) in members {
                    self.kill(member, after);
                }
                true
            }
            Act::KillBroker(broker, time) => {
                let away = self.due.iter().any(|(_, then)| matches!(then, Then::Revive(_) | Then::Empty));
                if !away {
                    self.cluster.brokers.kill(broker);
                    self.after(time, Then::Revive(broker));
                }
                !away
            }
            Act::Network(member, fault, time) => {
                let rules = self.rule(member, fault);
                self.after(time, Then::Lift(rules));
                true
            }
            Act::Cut(member) => {
                let whose = member.map(|member| self.cluster.members[member].name.clone());
                self.cluster.proxies.iter().for_each(|proxy| proxy.cut(whose.as_deref()));
                true
            }
            Act::Stall(member, time) => {
                let stalled = self.cluster.members[member].signal(Signal::Stop);
                self.after(time, Then::Wake(member));
                stalled
            }
            Act::Twin(worker, time, first) => {
                let twin = self.cluster.twin(worker)?;
                self.after(time, Then::Part(worker, Box::new(twin), first));
                true
            }
            Act::Pause(time) => self.pause(time),
            Act::FillDisk(time) => self.fill_disk(time)?,
        };
        if done {
            *self.tally.acts.entry(name).or_default() += 1;
        }
        Ok(())
    }

    fn kill(&mut self, member: usize, after: Duration) {
        let victim = &mut self.cluster.members[member];
        if victim.process().is_none() {
            return;
        }
        victim.kill();
        self.tally.kills += 1;
        *self.tally.killed.entry(victim.kind.name()).or_default() += 1;
        self.after(after, Then::Start(member));
    }

    fn rule(&self, member: Option<usize>, fault: Fault) -> Vec<RuleId> {
        let whose = member.map(|member| self.cluster.members[member].name.as_str());
        self.cluster.proxies.iter().map(|proxy| proxy.begin(whose, fault)).collect()
    }

    fn pause(&mut self, time: Duration) -> bool {
        let is_paused = self.due.iter().any(|(_, then)| matches!(then, Then::Resume(_)));
        if is_paused || self.orders.iter().any(|order| !order.is_finished()) {
            return false;
        }
        self.pauses += 1;
        self.order("pause", self.pauses);
        self.after(time, Then::Resume(self.pauses));
        true
    }

    fn order(&mut self, verb: &str, number: u32) {
        let words = ["campaign", verb, &self.campaign, "--command-id", &format!("{verb}-{number}"), "--json"];
        self.orders.push(self.cluster.insist(&words.map(str::to_owned)));
    }

    fn fill_disk(&mut self, time: Duration) -> Result<bool> {
        let away = self.due.iter().any(|(_, then)| matches!(then, Then::Revive(_) | Then::Empty));
        let Some(disk) = self.cluster.disk.as_ref().filter(|_| !away) else { return Ok(false) };
        disk.fill().context("the disk cannot be filled")?;
        self.after(time, Then::Empty);
        Ok(true)
    }

    fn then(&mut self, then: Then) -> Result<()> {
        match then {
            Then::Start(member) => {
                let member = &mut self.cluster.members[member];
                if member.process().is_none() {
                    member.start()?;
                }
            }
            Then::Revive(broker) => self.cluster.brokers.revive(broker)?,
            Then::Lift(rules) => {
                for (proxy, rule) in self.cluster.proxies.iter().zip(rules) {
                    proxy.end(rule);
                }
            }
            Then::Wake(member) => {
                // It may have been killed meanwhile.
                let _ = self.cluster.members[member].signal(Signal::Continue);
            }
            Then::Part(worker, mut twin, first) => {
                let member = &mut self.cluster.members[worker];
                if first {
                    std::mem::swap(member, &mut *twin);
                    std::mem::swap(&mut member.name, &mut twin.name);
                }
                twin.kill();
                self.tally.kills += 1;
                *self.tally.killed.entry(Kind::Worker.name()).or_default() += 1;
            }
            Then::Resume(number) => {
                if self.orders.iter().all(JoinHandle::is_finished) {
                    self.order("resume", number);
                } else {
                    // The pause has not been recorded yet.
                    self.after(Duration::from_millis(500), Then::Resume(number));
                }
            }
            Then::Empty => {
                if let Some(disk) = &self.cluster.disk {
                    disk.free();
                }
                match self.cluster.brokers.process(1) {
                    None => self.tally.full_disks_that_ended_a_broker += 1,
                    // Its folder may be marked as broken for as long as it lives.
                    Some(_) => self.cluster.brokers.kill(1),
                }
                self.after(Duration::from_millis(500), Then::Revive(1));
            }
        }
        Ok(())
    }

    /// Put everything right; see that all get ready and that the campaign goes on; measure some recoveries.
    async fn calm(&mut self) -> Result<()> {
        while !self.due.is_empty() || self.orders.iter().any(|order| !order.is_finished()) {
            self.due.iter_mut().for_each(|(due, _)| *due = Instant::now());
            self.put_right(Instant::now())?;
            self.cluster.proxies.iter().for_each(crate::proxy::Proxy::calm);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for order in std::mem::take(&mut self.orders) {
            order.await.context("a command panicked")??;
        }
        let begun = Instant::now();
        for broker in 1..=self.cluster.brokers.count() {
            self.cluster.brokers.revive(broker)?;
        }
        self.cluster.brokers.answer_within(SETTLING).await?;
        let fallen = self.cluster.ready_within(SETTLING).await?;
        self.tally.fallen.extend(fallen);
        self.tally.settlings.push(begun.elapsed());
        self.progress().await?;
        for _ in 0..MEASURED {
            let member = self.dice.one_of(self.cluster.members.len());
            self.measure(member).await?;
        }
        Ok(())
    }

    /// The campaign goes on.
    async fn progress(&self) -> Result<()> {
        let (before, begun) = (self.cluster.records().await?, Instant::now());
        while self.cluster.records().await? == before {
            if begun.elapsed() > PROGRESS {
                let stands = self.cluster.campaign(&self.campaign)?;
                bail!("all are ready, but nothing was appended for {} s: {stands}", PROGRESS.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Kill a member, start it at once, and take the time until it is ready.
    async fn measure(&mut self, member: usize) -> Result<()> {
        self.kill(member, Duration::ZERO);
        self.put_right(Instant::now())?;
        let member = &self.cluster.members[member];
        let begun = Instant::now();
        loop {
            match Answer::of(member.http()).await {
                Answer::Ready(_) => break,
                Answer::NotReady(why) if begun.elapsed() > SETTLING => bail!("{} is not ready: {why}", member.name),
                Answer::None if begun.elapsed() > SETTLING => bail!("{} does not answer", member.name),
                Answer::NotReady(_) | Answer::None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        self.tally.recoveries.push(begun.elapsed());
        Ok(())
    }
}
