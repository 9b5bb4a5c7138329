use super::*;

fn encode(request: Request<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    request.encode(&mut body);
    body
}

fn on_key(action: Action<'_>) -> Request<'_> {
    Request::Key(KeyRequest { bucket: BucketId(2), key: b"key", action })
}

fn open() -> Request<'static> {
    Request::Open(Open {
        cookie: [7; COOKIE_BYTES],
        token: 9,
        frame_bytes: 1_472,
        tenant: b"default",
        password: b"secret",
    })
}

fn requests() -> Vec<(Request<'static>, Vec<u8>)> {
    let put = |condition, expiry| on_key(Action::Put { condition, expiry, value: b"value" });
    let put_bytes = |condition: u8, keeps: u8, version: u8, ttl: u8| {
        let fixed =
            [condition, keeps, 0, 0, 0, 0, 0, 0, version, 0, 0, 0, 0, 0, 0, 0, ttl, 0, 0, 0, 0, 0, 0, 0];
        [&b"\x02\0\0\0\x03\0\0\0"[..], &fixed, b"keyvalue"].concat()
    };
    let keys = KeyList::new(BucketId(2), 2, b"\x01\0\0\0a\x02\0\0\0bc");
    let pairs = PairList::new(BucketId(2), 1, b"\x01\0\0\0\x02\0\0\0abc");
    vec![
        (Request::Hello, vec![0; 24]),
        (
            open(),
            [
                &[7; 24][..],
                &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                &[0xC0, 5, 0, 0, 7, 0, 6, 0],
                b"defaultsecret",
            ]
            .concat(),
        ),
        (Request::Renew, vec![]),
        (Request::Close, vec![]),
        (Request::Map, vec![]),
        (Request::Stats, vec![]),
        (Request::Continue, vec![]),
        (Request::Steering, vec![]),
        (on_key(Action::Get), b"\x02\0\0\0\x03\0\0\0key".to_vec()),
        (on_key(Action::Delete), b"\x02\0\0\0\x03\0\0\0key".to_vec()),
        (on_key(Action::Take), b"\x02\0\0\0\x03\0\0\0key".to_vec()),
        (on_key(Action::Add(-1)), b"\x02\0\0\0\x03\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFkey".to_vec()),
        (on_key(Action::Touch(5)), b"\x02\0\0\0\x03\0\0\0\x05\0\0\0\0\0\0\0key".to_vec()),
        (on_key(Action::Append(b"tail")), b"\x02\0\0\0\x03\0\0\0keytail".to_vec()),
        (put(Condition::Always, NewExpiry::Never), put_bytes(0, 0, 0, 0)),
        (put(Condition::IfAbsent, NewExpiry::AfterMs(6)), put_bytes(1, 0, 0, 6)),
        (put(Condition::IfPresent, NewExpiry::Keep), put_bytes(2, 1, 0, 0)),
        (put(Condition::IfVersion(4), NewExpiry::Never), put_bytes(3, 0, 4, 0)),
        (Request::MultiGet(keys), b"\x02\0\0\0\x02\0\0\0\x01\0\0\0a\x02\0\0\0bc".to_vec()),
        (
            Request::MultiPut { pairs, if_absent: true },
            b"\x02\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0abc".to_vec(),
        ),
        (
            Request::Scan { bucket: BucketId(2), keys_max: 10, cursor: 3 },
            b"\x02\0\0\0\x0A\0\0\0\x03\0\0\0\0\0\0\0".to_vec(),
        ),
    ]
}

#[test]
fn requests_are_these_bytes() {
    for (request, golden) in requests() {
        assert_eq!(encode(request), golden, "{request:?}");
        assert_eq!(Request::decode(request.opcode(), &golden), Ok(request));
    }
    for opcode in Opcode::ALL {
        assert!(requests().iter().any(|(request, _)| request.opcode() == opcode), "{opcode:?}");
    }
}

#[test]
fn every_truncation_is_refused_where_no_value_ends_the_body() {
    for (request, golden) in requests() {
        let value_bytes = match request {
            Request::Key(request) => request.action.value().len(),
            _ => 0,
        };
        for len in 0..golden.len() - value_bytes {
            assert!(Request::decode(request.opcode(), &golden[..len]).is_err(), "{request:?} of {len} bytes");
        }
        if value_bytes == 0 {
            let long = [&golden[..], &[0]].concat();
            assert!(Request::decode(request.opcode(), &long).is_err(), "{request:?} and more");
        }
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    let refused = |opcode, body: &[u8]| Request::decode(opcode, body).unwrap_err();
    assert_eq!(refused(Opcode::Get, b"\x10\0\0\0\x01\0\0\0k"), Status::NoSuchBucket);
    assert_eq!(refused(Opcode::Get, b"\0\0\0\0\x01\0\x01\0k"), Status::KeyTooLong);
    assert_eq!(refused(Opcode::MultiGet, b"\0\0\0\0\0\0\0\0"), Status::Malformed, "no key");
    assert_eq!(refused(Opcode::MultiGet, b"\0\0\0\0\xFF\xFF\xFF\xFF"), Status::Malformed);
    let mut put =
        encode(on_key(Action::Put { condition: Condition::Always, expiry: NewExpiry::Never, value: b"" }));
    put[8] = 4;
    assert_eq!(refused(Opcode::Put, &put), Status::Malformed, "no such condition");
    (put[8], put[16]) = (1, 1);
    assert_eq!(refused(Opcode::Put, &put), Status::Malformed, "a version where none is compared");
    (put[8], put[9], put[16], put[24]) = (0, 1, 0, 1);
    assert_eq!(refused(Opcode::Put, &put), Status::Malformed, "a new expiry and the old one");
    let mut small = encode(open());
    small[40..42].copy_from_slice(&[0xFF, 1]);
    assert_eq!(refused(Opcode::Open, &small), Status::Malformed, "frames of 511 bytes");
}

#[test]
fn the_value_is_found_in_the_first_bytes() {
    for (request, golden) in requests() {
        if let Request::Key(KeyRequest {
            action: action @ (Action::Put { .. } | Action::Append(_)), ..
        }) = request
        {
            for len in 0..8 {
                assert_eq!(value_offset(request.opcode(), &golden[..len]), Ok(None));
            }
            let offset = value_offset(request.opcode(), &golden[..8]).unwrap().unwrap();
            assert_eq!(&golden[offset..], action.value());
        }
    }
    assert_eq!(value_offset(Opcode::Put, b"\0\0\0\0\x01\0\x01\0"), Err(Status::KeyTooLong));
}

#[test]
fn lists_give_back_what_was_put_in() {
    let mut bytes = Vec::new();
    [&b"one"[..], b"", b"three"].iter().for_each(|key| KeyList::push(&mut bytes, key));
    let list = KeyList::new(BucketId(0), 3, &bytes);
    assert_eq!(list.iter().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
    let mut bytes = Vec::new();
    PairList::push(&mut bytes, b"a", b"1");
    PairList::push(&mut bytes, b"", b"");
    let list = PairList::new(BucketId(0), 2, &bytes);
    assert_eq!(list.iter().collect::<Vec<_>>(), [(&b"a"[..], &b"1"[..]), (b"", b"")]);
}

#[test]
fn the_places_of_lists_are_those_of_the_body() {
    for (request, golden) in requests() {
        match request {
            Request::MultiGet(keys) => {
                let keys_at: Vec<&[u8]> = keys.places().map(|place| &golden[place]).collect();
                assert_eq!(keys_at, keys.iter().collect::<Vec<_>>());
            }
            Request::MultiPut { pairs, .. } => {
                let parts_at: Vec<&[u8]> = pairs.places().map(|place| &golden[place]).collect();
                let parts = pairs.iter().flat_map(|(key, value)| [key, value]);
                assert_eq!(parts_at, parts.collect::<Vec<_>>());
            }
            _ => {}
        }
    }
}
