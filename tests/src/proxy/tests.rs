#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Fault, Proxy, Way, Whose};

const PRODUCE: i16 = 0;
const METADATA: i16 = 3;

/// Long enough for anything that happens, short enough to wait for what does not.
const A_WHILE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(20);

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A broker that answers every request with its correlation number, and tells what it was asked.
async fn broker() -> (SocketAddr, mpsc::UnboundedReceiver<i32>) {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Ok(size) = client.read_u32().await {
                    let mut frame = vec![0; size as usize];
                    client.read_exact(&mut frame).await.unwrap();
                    let id = i32::from_be_bytes(frame[4..8].try_into().unwrap());
                    sender.send(id).unwrap();
                    client.write_u32(4).await.unwrap();
                    client.write_i32(id).await.unwrap();
                }
            });
        }
    });
    (address, asked)
}

async fn proxy_for(whose: Whose) -> (Proxy, mpsc::UnboundedReceiver<i32>) {
    let (upstream, asked) = broker().await;
    (Proxy::start(any_port(), upstream, whose).await.unwrap(), asked)
}

async fn proxy() -> (Proxy, mpsc::UnboundedReceiver<i32>) {
    proxy_for(Arc::new(|_| None)).await
}

async fn connect(proxy: &Proxy) -> TcpStream {
    timeout(PATIENCE, TcpStream::connect(proxy.address())).await.unwrap().unwrap()
}

async fn ask(client: &mut TcpStream, interface: i16, id: i32) {
    client.write_u32(8).await.unwrap();
    client.write_i16(interface).await.unwrap();
    client.write_i16(1).await.unwrap();
    client.write_i32(id).await.unwrap();
}

/// The next answer; none once the connection has ended.
async fn answer(client: &mut TcpStream) -> Option<i32> {
    let answered = async {
        assert_eq!(client.read_u32().await.ok()?, 4);
        client.read_i32().await.ok()
    };
    timeout(PATIENCE, answered).await.expect("an answer or an end")
}

async fn nothing_comes(client: &mut TcpStream) -> bool {
    timeout(A_WHILE, client.peek(&mut [0])).await.is_err()
}

#[tokio::test]
async fn frames_pass_in_order() {
    let (proxy, _asked) = proxy().await;
    let mut client = connect(&proxy).await;
    for id in 1..=50 {
        ask(&mut client, if id % 2 == 0 { PRODUCE } else { METADATA }, id).await;
    }
    for id in 1..=50 {
        assert_eq!(answer(&mut client).await, Some(id));
    }
}

#[tokio::test]
async fn refused_clients_are_cut_and_find_nobody_until_it_is_over() {
    let (proxy, _asked) = proxy().await;
    let mut client = connect(&proxy).await;
    ask(&mut client, METADATA, 1).await;
    assert_eq!(answer(&mut client).await, Some(1));
    let rule = proxy.begin(None, Fault::Refuse);
    assert_eq!(answer(&mut client).await, None);
    // Whoever came while the listener was being closed is cut at once.
    let came = async { while TcpStream::connect(proxy.address()).await.is_ok() {} };
    timeout(PATIENCE, came).await.unwrap();
    proxy.end(rule);
    let again = async {
        loop {
            if let Ok(client) = TcpStream::connect(proxy.address()).await {
                return client;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut client = timeout(PATIENCE, again).await.unwrap();
    ask(&mut client, METADATA, 2).await;
    assert_eq!(answer(&mut client).await, Some(2));
}

#[tokio::test]
async fn a_rule_for_one_client_leaves_the_others_alone() {
    let named: Arc<std::sync::Mutex<Option<u16>>> = Arc::default();
    let known = Arc::clone(&named);
    let whose = move |port| (*known.lock().unwrap() == Some(port)).then(|| "memory".to_owned());
    let (proxy, _asked) = proxy_for(Arc::new(whose)).await;
    let mut other = connect(&proxy).await;
    ask(&mut other, METADATA, 1).await;
    assert_eq!(answer(&mut other).await, Some(1));

    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(any_port()).unwrap();
    *named.lock().unwrap() = Some(socket.local_addr().unwrap().port());
    let mut memory = socket.connect(proxy.address()).await.unwrap();
    ask(&mut memory, METADATA, 2).await;
    assert_eq!(answer(&mut memory).await, Some(2));

    proxy.begin(Some("memory"), Fault::Refuse);
    assert_eq!(answer(&mut memory).await, None);
    ask(&mut other, METADATA, 3).await;
    assert_eq!(answer(&mut other).await, Some(3));
}

#[tokio::test]
async fn a_mute_way_loses_nothing() {
    let (proxy, mut asked) = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.begin(None, Fault::Mute(Way::Up));
    ask(&mut client, METADATA, 1).await;
    assert!(nothing_comes(&mut client).await && asked.try_recv().is_err());
    proxy.calm();
    assert_eq!(answer(&mut client).await, Some(1));
    assert_eq!(asked.recv().await, Some(1));

    proxy.begin(None, Fault::Mute(Way::Down));
    ask(&mut client, METADATA, 2).await;
    assert_eq!(asked.recv().await, Some(2));
    assert!(nothing_comes(&mut client).await);
    proxy.calm();
    assert_eq!(answer(&mut client).await, Some(2));
}

#[tokio::test]
async fn only_answers_of_appends_are_slow() {
    let (proxy, mut asked) = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.begin(None, Fault::SlowAppends(Duration::from_secs(3600)));
    ask(&mut client, METADATA, 1).await;
    assert_eq!(answer(&mut client).await, Some(1));
    ask(&mut client, PRODUCE, 2).await;
    assert_eq!((asked.recv().await, asked.recv().await), (Some(1), Some(2)));
    assert!(nothing_comes(&mut client).await);
    assert_eq!(proxy.tally().slowed.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_lost_answer_is_that_of_an_append_that_was_carried_out() {
    let (proxy, mut asked) = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.begin(None, Fault::LoseAppends);
    ask(&mut client, METADATA, 1).await;
    assert_eq!(answer(&mut client).await, Some(1));
    ask(&mut client, PRODUCE, 2).await;
    assert_eq!(answer(&mut client).await, None);
    assert_eq!((asked.recv().await, asked.recv().await), (Some(1), Some(2)));
    assert_eq!(proxy.tally().lost.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_echoed_answer_comes_twice() {
    let (proxy, _asked) = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.begin(None, Fault::EchoAppends);
    ask(&mut client, PRODUCE, 1).await;
    ask(&mut client, METADATA, 2).await;
    let answers = [answer(&mut client).await, answer(&mut client).await, answer(&mut client).await];
    assert_eq!(answers, [Some(1), Some(1), Some(2)]);
}

#[tokio::test]
async fn everything_waits_out_a_delay() {
    tokio::time::pause();
    let (proxy, _asked) = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.begin(None, Fault::Delay(Duration::from_secs(5)));
    let begun = tokio::time::Instant::now();
    ask(&mut client, METADATA, 1).await;
    assert_eq!(answer(&mut client).await, Some(1));
    assert!(begun.elapsed() >= Duration::from_secs(10), "{:?}", begun.elapsed());
}
