use proptest::prelude::*;

use super::*;

#[test]
fn names_have_an_alphabet_and_a_length() {
    for good in ["a", "Campaign-1_x.y", &"n".repeat(100)] {
        assert_eq!(good.parse::<Key>().expect("a name").as_str(), good);
    }
    for bad in ["", "a b", "a/b", "caf\u{e9}", "a\n", &"n".repeat(101)] {
        assert_eq!(bad.parse::<Key>(), Err(ParseError::Name(bad.to_owned())));
    }
}

#[test]
fn names_are_checked_wherever_they_come_from() {
    assert!(serde_json::from_str::<CampaignId>("\"a b\"").is_err());
    assert!(serde_json::from_str::<EventId>("\"a/b/0\"").is_err());
}

#[test]
fn other_texts_are_no_event_ids() {
    for bad in ["", "a/b", "a/b/1/2", "a/b/0", "a/b/01", "a/b/+1", "a/b/-1", "a/b/x", "a/b/18446744073709551616"] {
        assert_eq!(bad.parse::<EventId>(), Err(ParseError::Event(bad.to_owned())), "{bad}");
    }
    assert_eq!("a b/c/1".parse::<EventId>(), Err(ParseError::Name("a b".to_owned())));
}

proptest! {
    #[test]
    fn an_event_id_reads_back(key in "[a-zA-Z0-9._-]{1,100}", source in "[a-z]{1,20}", sequence in 1..=u64::MAX) {
        let id = EventId { key: key.parse().expect("a name"), source: source.parse().expect("a name"), sequence };
        prop_assert_eq!(id.to_string(), format!("{key}/{source}/{sequence}"));
        prop_assert_eq!(id.to_string().parse(), Ok(id.clone()));
        let json = serde_json::to_string(&id).expect("it has a JSON form");
        prop_assert_eq!(serde_json::from_str::<EventId>(&json).expect("it reads back"), id);
    }
}
