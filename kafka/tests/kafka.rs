//! The adapter on a real Apache Kafka, which the tests start by themselves: the conformance suite, restarts of the
//! broker, sharing and loss of ownership, hostile records, and the topics of a cluster.
#![expect(clippy::unwrap_used, reason = "tests")]

mod kafka {
    mod broker;
    mod conformance;
    mod ownership;
    mod records;
    mod restart;
    mod runtime;
    mod topics;
}
