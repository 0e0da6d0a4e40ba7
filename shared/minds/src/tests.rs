//! Over real HTTP on a loopback port: a server that gives its answers in order.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Ask, Endpoint, FailureKind, Minds, Outcome, embed};

/// The address of a server that answers once per item, and what it will have been asked.
fn scripted(answers: Vec<(u16, String)>) -> (String, JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
            let request: Value = loop {
                let count = stream.read(&mut part).unwrap();
                assert!(count > 0, "the request is not whole");
                bytes.extend_from_slice(&part[..count]);
                let text = String::from_utf8_lossy(&bytes);
                if let Some(value) = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok()) {
                    break value;
                }
            };
            asked.push(request);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} S\r\nretry-after: 0\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
        asked
    });
    (url, server)
}

fn said(content: &str) -> (u16, String) {
    let choices = json!([{"message": {"content": content}, "finish_reason": "stop"}]);
    (200, json!({"choices": choices, "usage": {"prompt_tokens": 7, "completion_tokens": 3}}).to_string())
}

async fn outcome(answers: Vec<(u16, String)>, key_env: Option<&str>, times: usize) -> (Outcome, Vec<Value>) {
    let (url, server) = scripted(answers);
    let endpoint = Endpoint::new(&url, "m", key_env, 3, Duration::from_secs(20)).unwrap();
    let minds = Minds::new([("one".to_owned(), endpoint)]);
    let ask = Ask {
        model: "one".into(),
        system: "s".into(),
        prompt: "p".into(),
        schema: "idea-1".into(),
        schema_json: json!({"type": "object"}),
        temperature: 0.5,
        max_tokens: 9,
        seed: 1,
    };
    let mut outcome = minds.ask(&ask).await;
    for _ in 1..times {
        outcome = minds.ask(&ask).await;
    }
    (outcome, server.join().unwrap())
}

#[tokio::test]
async fn an_answer_comes_with_the_tokens_that_the_server_told() {
    let (outcome, asked) = outcome(vec![said("{\"a\":1}")], None, 1).await;
    assert_eq!(outcome.reply.unwrap().text, "{\"a\":1}");
    assert_eq!((outcome.usage.input_tokens, outcome.usage.output_tokens, outcome.usage.estimated), (7, 3, false));
    assert_eq!(asked[0]["response_format"]["json_schema"]["name"], "idea-1");
}

#[tokio::test]
async fn too_many_requests_and_server_faults_are_asked_again() {
    let faults = vec![(429, "slow".to_owned()), (500, "oh".to_owned()), said("{}")];
    let (outcome, _) = outcome(faults, None, 1).await;
    assert!(outcome.reply.is_ok());
    assert_eq!(outcome.usage.requests, 3);
}

#[tokio::test]
async fn attempts_are_bounded() {
    let (outcome, _) = outcome(vec![(503, String::new()); 3], None, 1).await;
    assert_eq!(outcome.reply.unwrap_err().kind, FailureKind::Server);
    assert_eq!(outcome.usage.requests, 3);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let (outcome, _) = outcome(vec![(401, "who".to_owned())], None, 1).await;
    assert_eq!(outcome.reply.unwrap_err().kind, FailureKind::Refused);
    assert_eq!(outcome.usage.requests, 1);
}

#[tokio::test]
async fn a_server_without_schemas_is_asked_plainly_and_remembered() {
    let no = (400, "response_format is not supported".to_owned());
    let fenced = said("Sure:\n```json\n{\"a\": [1]}\n```");
    let (outcome, asked) = outcome(vec![no.clone(), no, fenced.clone(), fenced], None, 2).await;
    assert_eq!(outcome.reply.unwrap().text, "{\"a\": [1]}");
    assert_eq!(asked[1]["response_format"]["type"], "json_object");
    assert_eq!(asked[2].get("response_format"), None);
    assert_eq!(asked[3].get("response_format"), None);
}

#[tokio::test]
async fn a_key_that_the_server_repeats_is_not_told() {
    // A variable that every test process has, instead of one that is set while others read.
    let key = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let (outcome, _) = outcome(vec![(403, format!("bad key {key}"))], Some("CARGO_MANIFEST_DIR"), 1).await;
    let why = outcome.reply.unwrap_err().why;
    assert!(why.contains("[key]") && !why.contains(&key), "{why}");
}

#[tokio::test]
async fn a_missing_key_is_refused_before_anything_is_sent() {
    let (outcome, asked) = outcome(vec![], Some("MOVE37_NO_SUCH_KEY"), 1).await;
    assert_eq!(outcome.reply.unwrap_err().kind, FailureKind::Refused);
    assert!(asked.is_empty());
}

#[test]
fn near_texts_have_near_embeddings() {
    let texts = ["gated delta rule with decay", "a gated delta rule with decays", "convolution in frequency"];
    let all = embed(&texts.map(str::to_owned));
    let cosine = |a: usize, b: usize| all[a].iter().zip(&all[b]).map(|(x, y)| x * y).sum::<f32>();
    assert!((cosine(0, 0) - 1.0).abs() < 1e-5);
    assert!(cosine(0, 1) > cosine(0, 2) + 0.3);
}
