//! TLS, users and access rules on a broker that has them.

use std::time::Duration;

use move37_core::Key;
use move37_eventlog::conformance::chain;
use move37_eventlog::{Error, EventLog, Position};
use move37_events::documents::{Operation, Resource, accesses};
use move37_events::{Role, TABLE, Topic};
use move37_kafka::{Access, Config, KafkaLog, Login, Mechanism, Secret, Settings, Tls, Topics};
use rdkafka::error::KafkaError;

use super::broker::Broker;

async fn refusal(settings: Settings) -> String {
    let error = KafkaLog::connect(settings).await.err().expect("it is not let in");
    assert!(matches!(error, Error::Locked { .. }), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_let_in_is_told_why() {
    let broker = Broker::secure().await;
    let good = broker.settings_of(Role::Memory);
    assert!(KafkaLog::connect(good.clone()).await.is_ok());
    let changed = |change: &dyn Fn(&mut Settings)| {
        let mut settings = good.clone();
        change(&mut settings);
        settings
    };
    let login = |settings: &mut Settings, name: &str, password: &str, mechanism| {
        let (username, password) = (name.to_owned(), Secret::new(password));
        settings.security.login = Some(Login { username, password, mechanism });
    };

    // What is certain is told long before the patience is over.
    let scram = Mechanism::ScramSha512;
    let wrong = refusal(changed(&|settings| login(settings, "memory", "wrong", scram))).await;
    assert!(
        wrong.contains("does not accept this user name and password): correct username and password_file"),
        "{wrong}"
    );
    assert!(!wrong.contains("wrong"), "{wrong}");
    let nobody = refusal(changed(&|settings| login(settings, "nobody", "wrong", scram))).await;
    assert_eq!(nobody, wrong);
    let other = refusal(changed(&|settings| login(settings, "memory", "wrong", Mechanism::Plain))).await;
    assert!(other.contains("set mechanism under [kafka.security]"), "{other}");
    let unknown = refusal(changed(&|settings| settings.security.tls = Some(Tls::default()))).await;
    assert!(unknown.contains("authority that we do not know): name the cluster's authority with ca_file"), "{unknown}");

    // The rest is guessed from connections that end.
    let impatient = |settings: &mut Settings| settings.answer = Duration::from_secs(1);
    let without_tls = refusal(changed(&|settings| {
        settings.security.tls = None;
        impatient(settings);
    }));
    let anonymous = refusal(changed(&|settings| {
        settings.security.login = None;
        impatient(settings);
    }));
    let plaintext = refusal(changed(&|settings| {
        settings.security = move37_kafka::Security::default();
        impatient(settings);
    }));
    let needless = async {
        let mut settings = Broker::shared().await.settings();
        settings.security.tls = good.security.tls.clone();
        impatient(&mut settings);
        refusal(settings).await
    };
    let (without_tls, anonymous, plaintext, needless) = tokio::join!(without_tls, anonymous, plaintext, needless);
    assert!(without_tls.contains("set tls = true"), "{without_tls}");
    assert!(plaintext.contains("set tls = true"), "{plaintext}");
    assert!(anonymous.contains("set username and password_file"), "{anonymous}");
    assert!(needless.contains("or tls = false if it has no TLS"), "{needless}");
}
