use super::*;

#[test]
fn it_is_blake3() {
    // The empty input's digest in the BLAKE3 specification's test vectors.
    let expected = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(Hash::of(b"").to_string(), expected);
    assert_eq!(Hash::of(b"").short(), "af1349b9");
}

#[test]
fn lists_of_fields_do_not_collide() {
    let of = |fields: &[&str]| Hash::of_fields(fields.iter().map(|field| field.as_bytes()));
    let lists = [of(&["ab", "c"]), of(&["a", "bc"]), of(&["abc"]), of(&["abc", ""]), of(&["", "abc"]), of(&[])];
    for (i, one) in lists.iter().enumerate() {
        assert!(lists[..i].iter().all(|other| other != one), "list {i}");
    }
}

#[test]
fn its_text_is_64_lower_case_digits() {
    let hash = Hash::of(b"x");
    let text = hash.to_string();
    assert_eq!(text.parse(), Ok(hash));
    for wrong in [&text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace(&text[..1], "g"), ""] {
        assert_eq!(wrong.parse::<Hash>(), Err(NotAHash(wrong.to_owned())));
    }
    let json = serde_json::to_string(&hash).expect("it has a JSON form");
    assert_eq!(serde_json::from_str::<Hash>(&json).expect("it reads back"), hash);
}
