//! TLS, users and access rules on a broker that has them.

use std::time::Duration;

use move37_core::Key;
use move37_eventlog::conformance::chain;
use move37_eventlog::{Error, EventLog, Position};
use move37_events::documents::{Operation, Resource, accesses};
use move37_events::{Role, TABLE, Topic};
use move37_kafka::{Access, KafkaLog, Login, Mechanism, Secret, Settings, Tls};

use super::broker::Broker;

async fn refusal(settings: Settings) -> String {
    let error = KafkaLog::connect(settings).await.err().expect("it is not let in");
    assert!(matches!(error, Error::Locked { .. } | Error::Unreachable { .. }), "{error:?}");
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

/// A prefix with all topics on the secure broker, whose roles have the rights of the table.
async fn governed() -> (Settings, Access) {
    let broker = Broker::secure().await;
    let settings = broker.with_topics(&Topic::all().collect::<Vec<_>>()).await;
    let access = Access::connect(settings.clone()).await.unwrap();
    let rights = access.examine().await.unwrap();
    assert!(rights.foreign.is_empty(), "{rights:?}");
    access.grant(&rights.missing).await.unwrap();
    (settings, access)
}

fn as_user(role: Role, prefix: &str, broker: &Broker) -> Settings {
    let mut settings = broker.settings_of(role);
    settings.prefix = prefix.to_owned();
    settings
}

/// Whether it was done; else the refusal must name the rules.
fn is_allowed<T>(what: &str, done: Result<T, Error>) -> bool {
    match done {
        Ok(_) => true,
        Err(error) => {
            assert!(matches!(error, Error::Forbidden { .. }), "{what}: {error:?}");
            assert!(error.to_string().contains("give it the rights of kafka/acls.yaml"), "{error}");
            false
        }
    }
}

/// What a role can do, tried out: `(resource, operation)`.
async fn tried(log: &KafkaLog, role: Role) -> Vec<(Resource, Operation)> {
    let mut can = Vec::new();
    let key: Key = "a".parse().unwrap();
    for row in TABLE {
        let topic = row.topic;
        let resource = Resource::Topic(topic);
        if is_allowed("ends", log.ends(topic).await) {
            can.push((resource, Operation::Describe));
        }
        let from = Position { topic, partition: topic.partition(&key), offset: 0 };
        let read = async {
            let mut reader = log.read(vec![from]).await?;
            tokio::time::timeout(Duration::from_secs(60), reader.next()).await.expect("an answer")
        };
        if is_allowed("read", read.await) {
            can.push((resource, Operation::Read));
        }
        if is_allowed("append", log.append(topic, &chain(Topic::Memory, "a", 1)[0]).await) {
            can.push((resource, Operation::Write));
        }
        let owned = async {
            let mut ownership = log.own(topic).await?;
            tokio::time::timeout(Duration::from_secs(60), ownership.next()).await.expect("an answer")
        };
        if is_allowed("own", owned.await) {
            can.push((Resource::Owners(topic), Operation::Read));
        }
    }
    for owner in Role::ALL {
        // Of a topic that both may read, so that only the group can be forbidden.
        let topic = Topic::DeadLetters;
        let next = vec![Position { topic, partition: 0, offset: 1 }];
        if is_allowed("commit", log.commit(owner, next).await) {
            can.push((Resource::Inputs(owner), Operation::Read));
        }
    }
    // Every read above named it.
    can.push((Resource::Readers, Operation::Read));
    println!("{role}: {} of what was tried is allowed", can.len());
    can
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let broker = Broker::secure().await;
    let (settings, _) = governed().await;
    // A record in each topic for the readers.
    let log = KafkaLog::connect(settings.clone()).await.unwrap();
    for row in TABLE {
        log.append(row.topic, &chain(Topic::Memory, "a", 1)[0]).await.unwrap();
    }
    let tries = Role::ALL.map(|role| {
        let settings = as_user(role, &settings.prefix, broker);
        tokio::spawn(async move { tried(&KafkaLog::connect(settings).await.unwrap(), role).await })
    });
    for (role, tried) in Role::ALL.into_iter().zip(tries) {
        let (mut expected, mut found) = (Vec::new(), tried.await.unwrap());
        for access in accesses().into_iter().filter(|access| access.role == role) {
            expected.extend(access.operations.into_iter().map(|operation| (access.resource, operation)));
        }
        // Ownership needs to read the topic as well as its group.
        let order = |(resource, operation): &(Resource, Operation)| format!("{resource:?} {operation}");
        expected.sort_by_key(order);
        found.sort_by_key(order);
        assert_eq!(found, expected, "{role}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_the_table_does_not_have_are_told_and_removed_only_on_demand() {
    let broker = Broker::secure().await;
    let (settings, access) = governed().await;
    let memory = format!("{}move37.memory", settings.prefix);
    let grant = |arguments: &[&str]| {
        let mut command = std::process::Command::new("java");
        let libs = std::fs::read_dir(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()).unwrap();
        let libs = libs.map(|entry| entry.unwrap().path());
        let libs = libs.filter(|path| path.is_dir() && path.to_string_lossy().contains("kafka-libs-")).max().unwrap();
        command.args(["-cp", &format!("{}/*", libs.display()), "org.apache.kafka.tools.AclCommand"]);
        command.args(["--bootstrap-server", &settings.bootstrap, "--command-config"]);
        command.arg(broker.path("admin.properties")).args(arguments);
        assert!(command.output().unwrap().status.success());
    };
    // Kafka's own tool gives them, so that nothing of ours is tested by itself.
    grant(&["--add", "--allow-principal", "User:mallory", "--operation", "Write", "--topic", &memory]);
    let foreign = access.examine().await.unwrap().foreign;
    let told: Vec<_> = foreign.iter().map(|right| (right.to_string(), right.is_dangerous())).collect();
    assert_eq!(told, [(format!("User:mallory may Write topic {memory}"), true)]);
    assert_eq!(access.prune(&foreign).await.unwrap(), foreign);
    assert_eq!(access.examine().await.unwrap(), move37_kafka::Rights::default());
}
