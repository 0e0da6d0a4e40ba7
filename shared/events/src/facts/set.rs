//! How an enum of bodies becomes a [`FactSet`](crate::FactSet): names, versions, reading and writing.

/// Declares the facts of a topic. Each line: variant (= body struct), name, newest version, subject.
macro_rules! fact_set {
    (
        $(#[$doc:meta])*
        $set:ident on $topic:ident by $role:ident {
            $( $variant:ident = $name:literal v $version:literal $(about $subject:ident)? $(, in $campaign:ident)? ; )+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "each variant is the fact of that name")]
        pub enum $set {
            $( $variant($variant), )+
        }

        impl $set {
            pub(crate) const ROWS: &'static [crate::FactRow] = &[
                $( crate::FactRow { name: $name, version: $version, schema: || schemars::schema_for!($variant) }, )+
            ];
        }

        $( impl From<$variant> for $set {
            fn from(body: $variant) -> $set {
                $set::$variant(body)
            }
        } )+

        impl crate::FactSet for $set {
            const TOPIC: crate::Topic = crate::Topic::$topic;
            const ROLE: crate::Role = crate::Role::$role;

            fn fact_type(&self) -> move37_core::FactType {
                let (name, version) = match self {
                    $( $set::$variant(_) => ($name, $version), )+
                };
                move37_core::FactType { name: name.to_owned(), version }
            }

            fn subject(&self) -> Option<String> {
                match self {
                    $( $set::$variant(_body) => fact_set!(@subject _body $($subject)?), )+
                }
            }

            fn campaign(&self, _key: &move37_core::Key) -> Option<move37_core::CampaignId> {
                match self {
                    $( $set::$variant(_body) => fact_set!(@campaign _body _key $($campaign)?), )+
                }
            }

            fn body(&self) -> Vec<u8> {
                let body = match self {
                    $( $set::$variant(body) => serde_json::to_vec(body), )+
                };
                body.expect("bodies are structs of finite numbers, texts, lists and string-keyed maps")
            }

            fn read(fact: &move37_core::FactType, body: &[u8]) -> Result<Self, crate::DecodeError> {
                let misfit = |source| crate::DecodeError::Body { fact: fact.clone(), source };
                match fact.name.as_str() {
                    $( $name => match fact.version {
                        $version => serde_json::from_slice(body).map($set::$variant).map_err(misfit),
                        _ => Err(crate::DecodeError::Newer { fact: fact.clone(), newest: $version }),
                    }, )+
                    _ => Err(crate::DecodeError::Unknown { topic: Self::TOPIC, fact: fact.clone() }),
                }
            }
        }
    };
    (@subject $body:ident) => { None };
    (@subject $body:ident $subject:ident) => { Some($body.$subject.to_string()) };
    (@campaign $body:ident $key:ident) => { $key.as_str().parse().ok() };
    (@campaign $body:ident $key:ident none) => { None };
    (@campaign $body:ident $key:ident $campaign:ident) => { Some($body.$campaign.clone()) };
}

pub(crate) use fact_set;
