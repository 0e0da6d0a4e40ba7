//! Kafka's error codes as the port's errors.

use move37_eventlog::Error;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::obstacle::Obstacle;
use crate::settings::Settings;

/// What an error means that came of asking for `what`.
pub(crate) fn translate(settings: &Settings, what: &str, error: &KafkaError) -> Error {
    let (log, what) = (settings.name(), what.to_owned());
    let Some(code) = code(error) else {
        return Error::Refused { log, what, detail: error.to_string() };
    };
    match code {
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            Error::NoTopic { log, topic: what }
        }
        Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            Error::Forbidden { log, what }
        }
        Code::SaslAuthenticationFailed | Code::Authentication => Obstacle::Credentials.error(settings),
        Code::AutoOffsetReset | Code::OffsetOutOfRange => Error::Gone { log, topic: what },
        code if is_absence(code) => Error::Unreachable { log, detail: code.to_string() },
        code => Error::Refused { log, what, detail: code.to_string() },
    }
}

/// The error's code; the library's own accessor leaves administration out.
pub(crate) fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        error => error.rdkafka_error_code(),
    }
}

/// Whether it says that the brokers do not let us in.
pub(crate) fn is_rejection(code: Code) -> bool {
    matches!(code, Code::SaslAuthenticationFailed | Code::Authentication | Code::SSL)
}

/// Whether it only says that a broker is away or busy: the client library goes on trying.
pub(crate) fn is_absence(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::BrokerNotAvailable
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            // After a leader was killed its successor, or itself, counts anew; the client learns of it by itself.
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            // The library lets go of a broker that the others no longer name, and of what it was asked.
            | Code::DestroyBroker
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: Code) -> String {
        let settings = Settings::new("kafka:9092");
        translate(&settings, "move37.memory", &KafkaError::MetadataFetch(code)).to_string()
    }

    #[test]
    fn each_cause_names_its_next_step() {
        assert!(said(Code::BrokerTransportFailure).contains("correct its address"));
        assert!(
            said(Code::UnknownTopicOrPartition).contains("move37.memory: create the topics with `move37 topics apply`")
        );
        assert!(said(Code::TopicAuthorizationFailed).contains("kafka/acls.yaml"));
        assert!(said(Code::AutoOffsetReset).contains("facts must never expire"));
        assert!(said(Code::Authentication).contains("correct username and password_file"));
        assert!(said(Code::DestroyBroker).contains("cannot be reached"));
        assert!(said(Code::PolicyViolation).contains("the broker's own log"));
    }
}
