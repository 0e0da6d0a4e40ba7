//! Carrying the frames of one connection.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::frames::Frame;
use super::rules::{Rules, Way};
use super::{Tally, count};

/// A connection under the rules for its owner.
pub(super) struct Relay {
    pub(super) owner: Option<String>,
    pub(super) rules: watch::Receiver<Rules>,
    pub(super) tally: Arc<Tally>,
}

/// Appends that were passed on and not answered yet: correlation number and version.
type Asked = Mutex<BTreeMap<i32, i16>>;

impl Relay {
    /// Carry until either side ends, or a rule cuts the connection.
    pub(super) async fn run(self, mut client: TcpStream, mut broker: TcpStream) {
        // Delays are ours to make.
        let _ = (client.set_nodelay(true), broker.set_nodelay(true));
        let asked = Asked::default();
        let (from_client, to_client) = client.split();
        let (from_broker, to_broker) = broker.split();
        tokio::select! {
            _ = self.up(from_client, to_broker, &asked) => {}
            _ = self.down(from_broker, to_client, &asked) => {}
        }
    }

    async fn up(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        asked: &Asked,
    ) -> io::Result<()> {
        while let Some(frame) = Frame::read(&mut from).await? {
            self.pass(Way::Up).await;
            if let Some((id, version)) = frame.append() {
                asked.lock().unwrap_or_else(PoisonError::into_inner).insert(id, version);
            }
            to.write_all(frame.bytes()).await?;
        }
        Ok(())
    }

    async fn down(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        asked: &Asked,
    ) -> io::Result<()> {
        let owner = self.owner.as_deref();
        while let Some(mut frame) = Frame::read(&mut from).await? {
            self.pass(Way::Down).await;
            let answers = |id: i32| asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            let version = frame.answers().and_then(answers);
            let appended = version.is_some();
            let (lost, slow, echoed) = {
                let rules = self.rules.borrow();
                (rules.loses_appends(owner), rules.slows_appends(owner), rules.echoes_appends(owner))
            };
            if let Some(version) = version.filter(|_| self.rules.borrow().disorders_appends(owner)) {
                count(&self.tally.disordered);
                frame.tell_of_lost_order(version);
            }
            if appended && lost {
                count(&self.tally.lost);
                return Ok(());
            }
            if appended && slow > Duration::ZERO {
                count(&self.tally.slowed);
                tokio::time::sleep(slow).await;
            }
            to.write_all(frame.bytes()).await?;
            if appended && echoed {
                count(&self.tally.echoed);
                to.write_all(frame.bytes()).await?;
            }
        }
        Ok(())
    }

    /// Wait until a frame may pass.
    async fn pass(&self, way: Way) {
        let mut rules = self.rules.clone();
        let owner = self.owner.as_deref();
        // A proxy that is gone has cut its connections.
        let _ = rules.wait_for(|rules| !rules.mutes(owner, way)).await;
        let delay = rules.borrow().delay(owner);
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
    }
}
