//! A service, put together and ready to be started.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use move37_runtime::Service;

/// Why a service cannot be put together from its configuration.
pub type Refused = Box<dyn Error + Send + Sync>;

type Over = Pin<Box<dyn Future<Output = ()> + Send>>;

type Farewell = Box<dyn FnOnce(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A service and what it does before it leaves.
pub struct Assembly<S> {
    pub(crate) service: S,
    farewell: Option<Farewell>,
    over: Over,
}

impl<S: Service> Assembly<S> {
    /// A service that just leaves.
    pub fn of(service: S) -> Assembly<S> {
        Assembly { service, farewell: None, over: Box::pin(std::future::pending()) }
    }

    /// Before it is drained, do this, within that time.
    #[must_use]
    pub fn before_leaving<F: Future<Output = ()> + Send + 'static>(
        mut self,
        farewell: impl FnOnce(Duration) -> F + Send + 'static,
    ) -> Assembly<S> {
        self.farewell = Some(Box::new(|patience| Box::pin(farewell(patience))));
        self
    }

    /// End, as if asked to, once this is ready: there is nothing more to do.
    #[must_use]
    pub fn ending_once(mut self, over: impl Future<Output = ()> + Send + 'static) -> Assembly<S> {
        self.over = Box::pin(over);
        self
    }

    pub(crate) fn parts(self) -> (S, Parting, impl Future<Output = ()> + Send + Unpin) {
        (self.service, Parting(self.farewell), self.over)
    }
}

impl<S> fmt::Debug for Assembly<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly").finish_non_exhaustive()
    }
}

/// What is done before leaving.
pub(crate) struct Parting(Option<Farewell>);

impl Parting {
    pub(crate) async fn say(self, patience: Duration) {
        if let Some(farewell) = self.0 {
            farewell(patience).await;
        }
    }
}
