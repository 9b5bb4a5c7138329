//! Glob patterns as in `KEYS` and `SCAN ... MATCH`: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before any of these.

/// Whether `text` matches `pattern`. Takes at most pattern times text steps: a star is retried only from the last
/// one, never from earlier ones.
pub fn matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    // Where to go on if the rest does not match: behind the last star, one byte of the text further.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            pattern = rest;
            retry = Some((pattern, text));
            continue;
        }
        match (match_one(pattern, text), text) {
            (Some(rest), [_, text_rest @ ..]) => {
                pattern = rest;
                text = text_rest;
            }
            _ if pattern.is_empty() && text.is_empty() => return true,
            _ => match retry {
                Some((behind_star, [_, text_rest @ ..])) => {
                    retry = Some((behind_star, text_rest));
                    pattern = behind_star;
                    text = text_rest;
                }
                _ => return false,
            },
        }
    }
}

/// Matches the first byte of `text`; gives the pattern that is left.
fn match_one<'a>(pattern: &'a [u8], text: &[u8]) -> Option<&'a [u8]> {
    let byte = *text.first()?;
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', class @ ..] => match_class(class, byte),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal == byte).then_some(rest),
    }
}

/// Matches a class, whose `[` is gone; a class without an end goes to the end of the pattern.
fn match_class(class: &[u8], byte: u8) -> Option<&[u8]> {
    let (negated, mut class) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    loop {
        class = match class {
            [] => break,
            [b']', rest @ ..] => {
                class = rest;
                break;
            }
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            [low, b'-', high, rest @ ..] => {
                found |= (*low.min(high)..=*low.max(high)).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
        };
    }
    (found != negated).then_some(class)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("foo*", "foobar", true),
            ("foo*", "fobar", false),
            ("*bar", "foobar", true),
            ("f?o", "foo", true),
            ("f?o", "fo", false),
            ("h[ae]llo", "hello", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("h[a-c]llo", "hdllo", false),
            ("h[\\]]llo", "h]llo", true),
            ("h\\*llo", "h*llo", true),
            ("h\\*llo", "hallo", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("**a", "a", true),
            ("[abc", "b", true),
            ("a\\", "a\\", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_longer_than_pattern_times_text() {
        let pattern = b"*a".repeat(100);
        assert!(!matches(&[&pattern[..], b"b"].concat(), &vec![b'a'; 10_000]));
    }
}
