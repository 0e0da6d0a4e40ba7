//! `/healthz`, `/readyz` and `/metrics`, and the only file that knows actix-web.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::json;

use crate::error::Error;
use crate::metrics;
use crate::standing::{Phase, Snapshot};

/// How to look at the service.
pub(crate) type Look = Arc<dyn Fn() -> Snapshot + Send + Sync>;

/// A running server.
pub(crate) struct Endpoints {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Endpoints {
    /// Serve on this address; on the tokio runtime of the caller, with a thread of its own.
    pub(crate) fn serve(listen: SocketAddr, look: Look) -> Result<Endpoints, Error> {
        let app = move || {
            App::new()
                .app_data(web::Data::from(Arc::new(Arc::clone(&look))))
                .route("/healthz", web::get().to(healthz))
                .route("/readyz", web::get().to(readyz))
                .route("/metrics", web::get().to(metrics))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().bind(listen);
        let server = server.map_err(|source| Error::Listen { listen, source })?;
        let address = server.addrs().first().copied().unwrap_or(listen);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Endpoints { address, handle })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answer no more.
    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

/// The process is there, and answers.
async fn healthz() -> &'static str {
    "alive\n"
}

/// Whether the service works; if not, why.
async fn readyz(look: web::Data<Look>) -> HttpResponse {
    let now = look();
    let ready = now.phase == Phase::Live;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(json!({
        "ready": ready,
        "service": now.role.name(),
        "phase": now.phase,
        "why": now.why,
        "partitions": now.partitions,
        "open": now.keys,
        "failures": now.failures,
        "warnings": now.warnings,
    }))
}

async fn metrics(look: web::Data<Look>) -> HttpResponse {
    HttpResponse::Ok().content_type(metrics::CONTENT).body(metrics::text(&look()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::net::Ipv4Addr;
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::standing::sample;

    /// Ask for a path; the status, the headers and the body.
    async fn get(address: SocketAddr, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let question = format!("GET {path} HTTP/1.1\r\nHost: toy\r\nConnection: close\r\n\r\n");
        stream.write_all(question.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
    }

    #[tokio::test]
    async fn health_readiness_and_metrics_tell_how_the_service_stands() {
        let toy = Arc::new(Mutex::new(sample()));
        let look = {
            let toy = Arc::clone(&toy);
            move || toy.lock().unwrap().clone()
        };
        let server = Endpoints::serve((Ipv4Addr::LOCALHOST, 0).into(), Arc::new(look)).unwrap();
        let address = server.address();

        {
            let mut now = toy.lock().unwrap();
            (now.phase, now.why) = (Phase::Connecting, Some("no broker answers".to_owned()));
        }
        assert_eq!(get(address, "/healthz").await.0, 200);
        let (status, _, body) = get(address, "/readyz").await;
        assert_eq!(status, 503);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&body["ready"], &body["phase"], &body["why"]),
            (&false.into(), &"connecting".into(), &"no broker answers".into())
        );

        *toy.lock().unwrap() = sample();
        let (status, _, body) = get(address, "/readyz").await;
        assert_eq!(status, 200);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["partitions"], json!([1, 4]));
        assert_eq!(body["failures"], json!(["memory stopped c-1: its rules panicked"]));

        let (status, head, body) = get(address, "/metrics").await;
        assert_eq!(status, 200);
        assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
        assert!(body.contains("\nmove37_facts_appended_total 5\n"), "{body}");
        assert_eq!(get(address, "/elsewhere").await.0, 404);

        server.stop().await;
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn an_address_in_use_is_named_with_the_next_step() {
        let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listen = taken.local_addr().unwrap();
        let Err(error) = Endpoints::serve(listen, Arc::new(sample)) else { panic!("the port is taken") };
        assert_eq!(error.code(), 3);
        assert!(error.to_string().starts_with(&format!("failed to listen at {listen}")), "{error}");
    }
}
