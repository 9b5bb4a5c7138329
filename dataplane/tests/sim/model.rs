//! What the keys of one client must be: a plain map, and what each request must answer.

use std::collections::BTreeMap;

use adit_wire::resp::client::ReplyValue;

/// A value and when it expires.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) value: Vec<u8>,
    pub(crate) expires_ms: Option<u64>,
}

/// The keys of one client.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model(pub(crate) BTreeMap<Vec<u8>, Entry>);

/// One request of a script.
#[derive(Clone, Debug)]
pub(crate) struct Command(pub(crate) Vec<Vec<u8>>);

pub(crate) const OK: fn() -> ReplyValue = || ReplyValue::Simple(b"OK".to_vec());

fn bulk(value: Option<Vec<u8>>) -> ReplyValue {
    ReplyValue::Bulk(value)
}

fn error(text: &str) -> ReplyValue {
    ReplyValue::Error(text.as_bytes().to_vec())
}

impl Model {
    /// Drops what has expired.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        self.0.retain(|_, entry| entry.expires_ms.is_none_or(|at_ms| at_ms > now_ms));
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).map(|entry| entry.value.clone())
    }

    fn put(&mut self, key: &[u8], value: &[u8], expires_ms: Option<u64>) {
        self.0.insert(key.to_vec(), Entry { value: value.to_vec(), expires_ms });
    }

    /// Executes a request at `now_ms` and gives the reply it must have.
    pub(crate) fn execute(&mut self, command: &Command, now_ms: u64) -> ReplyValue {
        self.expire(now_ms);
        let arguments: Vec<&[u8]> = command.0.iter().map(Vec::as_slice).collect();
        let number = |count: usize| ReplyValue::Integer(i64::try_from(count).unwrap());
        let seconds = |text: &[u8]| String::from_utf8_lossy(text).parse::<u64>().unwrap() * 1_000;
        match arguments.as_slice() {
            [b"PING"] => ReplyValue::Simple(b"PONG".to_vec()),
            [b"NOSUCH", ..] => error("ERR unknown command 'NOSUCH', with args beginning with: "),
            [b"CONFIG", b"SET", ..] => OK(),
            [b"CLIENT", b"LIST", ..] => bulk(Some(Vec::new())),
            [b"CLIENT", b"KILL", ..] => number(0),
            [b"ECHO", text] => bulk(Some(text.to_vec())),
            [b"GET", key] => bulk(self.get(key)),
            [b"STRLEN", key] => number(self.get(key).map_or(0, |value| value.len())),
            [b"TYPE", key] => {
                ReplyValue::Simple(if self.0.contains_key(*key) { &b"string"[..] } else { b"none" }.to_vec())
            }
            [b"GETDEL", key] => bulk(self.0.remove(*key).map(|entry| entry.value)),
            [b"MGET", keys @ ..] => {
                ReplyValue::Array(Some(keys.iter().map(|key| bulk(self.get(key))).collect()))
            }
            [b"EXISTS", keys @ ..] => number(keys.iter().filter(|key| self.0.contains_key(**key)).count()),
            [b"DEL", keys @ ..] => number(keys.iter().filter(|key| self.0.remove(**key).is_some()).count()),
            [b"APPEND", key, tail] => {
                let entry =
                    self.0.entry(key.to_vec()).or_insert(Entry { value: Vec::new(), expires_ms: None });
                entry.value.extend_from_slice(tail);
                number(entry.value.len())
            }
            [b"INCRBY", key, delta] => self.add(key, delta),
            [b"PERSIST", key] => number(usize::from(
                self.0.get_mut(*key).is_some_and(|entry| entry.expires_ms.take().is_some()),
            )),
            [b"PTTL", key] => ReplyValue::Integer(match self.0.get(*key).map(|entry| entry.expires_ms) {
                None => -2,
                Some(None) => -1,
                Some(Some(at_ms)) => i64::try_from(at_ms - now_ms).unwrap(),
            }),
            [b"EXPIRE", key, text] => {
                let entry = self.0.get_mut(*key);
                number(entry.map_or(0, |entry| {
                    entry.expires_ms = Some(now_ms + seconds(text));
                    1
                }))
            }
            [b"SETNX", key, value] => {
                let absent = !self.0.contains_key(*key);
                if absent {
                    self.put(key, value, None);
                }
                number(usize::from(absent))
            }
            [b"MSET", pairs @ ..] => {
                pairs.chunks(2).for_each(|pair| self.put(pair[0], pair[1], None));
                OK()
            }
            [b"MSETNX", pairs @ ..] => {
                let absent = pairs.chunks(2).all(|pair| !self.0.contains_key(pair[0]));
                if absent {
                    pairs.chunks(2).for_each(|pair| self.put(pair[0], pair[1], None));
                }
                number(usize::from(absent))
            }
            [b"GETSET", key, value] => {
                let before = self.get(key);
                self.put(key, value, None);
                bulk(before)
            }
            [b"SET", key, value, options @ ..] => self.set(key, value, options, now_ms),
            other => panic!("the model does not know {other:?}"),
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8], options: &[&[u8]], now_ms: u64) -> ReplyValue {
        let before = self.0.get(key).cloned();
        let (applies, expires_ms) = match options {
            [] | [b"GET"] => (true, None),
            [b"NX"] => (before.is_none(), None),
            [b"XX"] => (before.is_some(), None),
            [b"KEEPTTL"] => (true, before.as_ref().and_then(|entry| entry.expires_ms)),
            [b"EX", seconds] => {
                (true, Some(now_ms + String::from_utf8_lossy(seconds).parse::<u64>().unwrap() * 1_000))
            }
            other => panic!("the model does not know SET with {other:?}"),
        };
        if applies {
            self.put(key, value, expires_ms);
        }
        match (options, applies) {
            ([b"GET"], _) => bulk(before.map(|entry| entry.value)),
            (_, true) => OK(),
            (_, false) => bulk(None),
        }
    }

    fn add(&mut self, key: &[u8], delta: &[u8]) -> ReplyValue {
        let entry =
            self.0.get(key).cloned().unwrap_or_else(|| Entry { value: b"0".to_vec(), expires_ms: None });
        // Strictly: what is not written as the number would be (`07`, `+7`) is none.
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).ok()?;
            text.parse::<i64>().ok().filter(|number| number.to_string() == text)
        };
        let Some(number) = text(&entry.value) else {
            return error("ERR value is not an integer or out of range");
        };
        let sum = number + text(delta).unwrap();
        self.put(key, sum.to_string().as_bytes(), entry.expires_ms);
        ReplyValue::Integer(sum)
    }
}
