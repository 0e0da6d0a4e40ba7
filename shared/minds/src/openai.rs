//! Chat completions as OpenAI's interface has them, asked again where that may help.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::{Answer, Ask, Failure, FailureKind, Outcome, Usage, extract};

/// Most bytes of an answer that are read.
const LARGEST: usize = 4 << 20;
/// Longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Ways to ask for JSON, each for servers that refuse the one before: a schema, any object, plain text.
const PLAIN: u8 = 2;

/// A server's model. Keys do not follow redirects, since none is followed.
pub struct Endpoint {
    url: String,
    model: String,
    key_env: Option<String>,
    attempts: u32,
    client: Client,
    /// The way of asking that the server took last.
    way: AtomicU8,
}

/// An attempt that failed.
struct Fault {
    failure: Failure,
    again: bool,
    wait: Option<Duration>,
    refuses_format: bool,
}

impl Endpoint {
    /// `base_url` without `/chat/completions`; `key_env` names the variable of the key; at most `attempts` are made (at
    /// least one), each within `timeout`.
    ///
    /// # Errors
    /// Where the HTTP client cannot be made (no usable TLS).
    pub fn new(
        base_url: &str,
        model: &str,
        key_env: Option<&str>,
        attempts: u32,
        timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder().timeout(timeout).redirect(Policy::none()).build()?;
        Ok(Self {
            url: format!("{}/chat/completions", base_url.trim_end_matches('/')),
            model: model.to_owned(),
            key_env: key_env.map(str::to_owned),
            attempts: attempts.max(1),
            client,
            way: AtomicU8::new(0),
        })
    }

    /// Asks until there is an answer, a failure that stays, or no attempt left.
    pub(crate) async fn ask(&self, ask: &Ask) -> Outcome {
        let mut usage = Usage::default();
        let key = match self.key_env.as_deref().map(|name| (name, std::env::var(name))) {
            None => None,
            Some((_, Ok(key))) if !key.is_empty() => Some(key),
            Some((name, _)) => {
                let why = format!("the environment variable {name} holds no key");
                return Outcome { reply: Err(Failure { kind: FailureKind::Refused, why }), usage };
            }
        };
        let mut way = self.way.load(Ordering::Relaxed);
        let mut attempt = 0;
        loop {
            usage.requests += 1;
            let fault = match self.once(ask, way, key.as_deref(), &mut usage).await {
                Ok(answer) => {
                    self.way.fetch_max(way, Ordering::Relaxed);
                    return Outcome { reply: Ok(answer), usage };
                }
                Err(fault) => fault,
            };
            if fault.refuses_format && way < PLAIN {
                way += 1;
                continue;
            }
            attempt += 1;
            if !fault.again || attempt >= self.attempts {
                return Outcome { reply: Err(fault.failure), usage };
            }
            tokio::time::sleep(fault.wait.unwrap_or_else(|| backoff(ask.seed, attempt)).min(LONGEST_WAIT)).await;
        }
    }

    async fn once(&self, ask: &Ask, way: u8, key: Option<&str>, usage: &mut Usage) -> Result<Answer, Fault> {
        let body = body(&self.model, ask, way).to_string();
        let mut request = self.client.post(&self.url).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
        let text = redacted(read(&mut response).await?, key);
        if status.is_success() {
            return answer(&text, ask, usage);
        }
        let kind = match status.as_u16() {
            429 => FailureKind::RateLimited,
            500.. => FailureKind::Server,
            _ => FailureKind::Refused,
        };
        let names_format = ["response_format", "json_schema", "json_object"].iter().any(|name| text.contains(name));
        let said: String = text.chars().take(300).collect();
        Err(Fault {
            failure: Failure { kind, why: format!("the server answered {status}: {said}") },
            again: kind != FailureKind::Refused,
            wait: wait.map(Duration::from_secs),
            refuses_format: matches!(status.as_u16(), 400 | 422) && names_format,
        })
    }
}

fn body(model: &str, ask: &Ask, way: u8) -> Value {
    let mut system = ask.system.clone();
    if way > 0 {
        system.push_str(&format!("\nAnswer with one JSON object of this schema and nothing else: {}", ask.schema_json));
    }
    let mut body = json!({
        "model": model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": ask.prompt}],
        "temperature": ask.temperature,
        "max_tokens": ask.max_tokens,
        "seed": ask.seed,
    });
    if way == 0 {
        let schema = json!({"name": ask.schema, "strict": true, "schema": ask.schema_json});
        body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
    } else if way < PLAIN {
        body["response_format"] = json!({"type": "json_object"});
    }
    body
}

fn answer(text: &str, ask: &Ask, usage: &mut Usage) -> Result<Answer, Fault> {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let choice = &body["choices"][0];
    let Some(content) = choice["message"]["content"].as_str() else {
        return Err(again(FailureKind::Server, "the server's answer is no chat completion".to_owned()));
    };
    let told = |name: &str| body["usage"][name].as_u64();
    let estimate = |bytes: usize| u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX);
    let tokens = told("prompt_tokens").zip(told("completion_tokens"));
    usage.estimated = tokens.is_none();
    (usage.input_tokens, usage.output_tokens) =
        tokens.unwrap_or((estimate(ask.system.len() + ask.prompt.len()), estimate(content.len())));
    let finish = choice["finish_reason"].as_str().unwrap_or("unknown").to_owned();
    Ok(Answer { text: extract::json(content).unwrap_or(content).to_owned(), finish })
}

async fn read(response: &mut Response) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST {
            return Err(again(FailureKind::Server, format!("the server's answer is longer than {LARGEST} bytes")));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Servers repeat what they were sent.
fn redacted(text: String, key: Option<&str>) -> String {
    key.map_or_else(|| text.clone(), |key| text.replace(key, "[key]"))
}

fn broken(error: reqwest::Error) -> Fault {
    let kind = if error.is_timeout() { FailureKind::Timeout } else { FailureKind::Network };
    again(kind, error.without_url().to_string())
}

fn again(kind: FailureKind, why: String) -> Fault {
    Fault { failure: Failure { kind, why }, again: true, wait: None, refuses_format: false }
}

/// Half a second, doubled with every attempt, times a number between 0.5 and 1.5 that follows from the seed.
fn backoff(seed: u64, attempt: u32) -> Duration {
    let hash = blake3::hash(format!("{seed}/{attempt}").as_bytes());
    let jitter = 0.5 + f64::from(hash.as_bytes()[0]) / 255.0;
    Duration::from_secs_f64(0.5 * f64::from(1_u32 << attempt.min(8)) * jitter / 2.0)
}
