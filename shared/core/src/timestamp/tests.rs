use proptest::prelude::*;

use super::*;

#[test]
fn it_is_written_as_rfc_3339() {
    assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00Z");
    assert_eq!(Timestamp::from_millis(1_700_000_000_120).to_string(), "2023-11-14T22:13:20.12Z");
    assert_eq!(Timestamp::from_millis(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
}

#[test]
fn offsets_are_understood_and_other_times_refused() {
    assert_eq!("1970-01-01T02:00:00+02:00".parse(), Ok(Timestamp::from_millis(0)));
    for wrong in ["", "now", "1970-01-01", "1970-01-01T00:00:00", "1969-12-31T23:59:59Z", "10000-01-01T00:00:00Z"] {
        assert_eq!(wrong.parse::<Timestamp>(), Err(NotATime(wrong.to_owned())));
    }
}

proptest! {
    #[test]
    fn its_text_reads_back(millis in 0..=LAST) {
        let time = Timestamp::from_millis(millis);
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        prop_assert_eq!(time.millis(), millis);
    }
}
