//! The adapter on a real Apache Kafka, which the tests start by themselves: the conformance suite, restarts of the
//! broker, sharing and loss of ownership, hostile records, TLS, users and access rules, brokers that are killed, the
//! topics of a cluster, and the stream of facts for analysis.
#![expect(clippy::unwrap_used, reason = "tests")]

mod kafka {
    mod broker;
    mod commits;
    mod conformance;
    mod consumer;
    mod faults;
    mod ownership;
    mod records;
    mod restart;
    mod runtime;
    mod security;
    mod topics;
}
