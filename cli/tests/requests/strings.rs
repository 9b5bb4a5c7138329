//! Commands on parts of values, on fractions, and on several values at once.

use super::{Generator, Words};

impl Generator {
    pub(super) fn string_command(&mut self) -> Words {
        match self.random.below(20) {
            0..=4 => self.get_range(),
            5..=8 => self.set_range(),
            9..=11 => self.fraction(),
            12..=14 => self.subsequence(),
            15 => vec![b"SET".to_vec(), self.text_key(), self.text()],
            _ => self.set_many(),
        }
    }

    fn get_range(&mut self) -> Words {
        let name = self.random.pick(&["GETRANGE", "getrange", "SUBSTR"]);
        vec![name.into(), self.key(), self.place(), self.place()]
    }

    /// A place in a value, from either end, or none.
    fn place(&mut self) -> Vec<u8> {
        let edges = [
            "0",
            "-1",
            "1",
            "-2",
            "65535",
            "65536",
            "-65536",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "abc",
            "",
            "1.5",
        ];
        let number = match self.random.below(4) {
            0 => return self.random.pick(&edges).into(),
            1 => self.random.below(140_000),
            _ => self.random.below(60),
        };
        let sign = self.random.pick(&["", "", "-"]);
        format!("{sign}{number}").into_bytes()
    }

    fn set_range(&mut self) -> Words {
        let offset = match self.random.below(10) {
            // No value may end behind 512 MB; Redis makes room up to there, so that is not tried.
            0 => self.random.pick(&["-1", "abc", "", "536870912", "9223372036854775807", "01"]).into(),
            1 => self.random.below(100_000).to_string().into_bytes(),
            _ => self.random.below(50).to_string().into_bytes(),
        };
        let value = if self.random.below(5) == 0 { Vec::new() } else { self.value() };
        vec![b"SETRANGE".to_vec(), self.key(), offset, value]
    }

    /// Fractions of few digits: there Redis's binary fractions and exact ones are shown alike.
    fn fraction(&mut self) -> Words {
        let key = format!("fraction:{}", self.random.below(4)).into_bytes();
        let number = format!(
            "{}{}.{}",
            self.random.pick(&["", "-", "+"]),
            self.random.below(1000),
            self.random.pick(&["5", "25", "125", "0", "", "50", "75"])
        );
        match self.random.below(12) {
            0 => vec![b"SET".to_vec(), key, number.into()],
            1 => vec![b"INCR".to_vec(), key],
            2 => {
                let wrong = ["abc", "", "1,5", " 1", "1 ", "--1", "1e", ".", "nan", "1.5x", "e5"];
                vec![b"INCRBYFLOAT".to_vec(), key, self.random.pick(&wrong).into()]
            }
            3 => vec![
                b"INCRBYFLOAT".to_vec(),
                key,
                self.random.pick(&["1e2", "-2.5E1", ".5", "0", "-0"]).into(),
            ],
            4 => vec![b"GET".to_vec(), key],
            _ => vec![b"INCRBYFLOAT".to_vec(), key, number.into()],
        }
    }

    /// Texts are short: the time of LCS is the product of their lengths.
    fn subsequence(&mut self) -> Words {
        let mut words = vec![b"LCS".to_vec(), self.text_key(), self.text_key()];
        for _ in 0..self.random.below(4) {
            let option = ["LEN", "idx", "IDX", "WITHMATCHLEN", "MINMATCHLEN", "MINMATCHLEN", "LENGTH"];
            let option = option[self.random.below(if self.odd { 7 } else { 6 })];
            words.push(option.into());
            if option == "MINMATCHLEN" && self.random.below(20) > 0 {
                words.push(
                    self.random.pick(&["0", "1", "2", "3", "4", "-1", "9223372036854775807", "x"]).into(),
                );
            }
        }
        words
    }

    pub(super) fn text_key(&mut self) -> Vec<u8> {
        format!("text:{}", self.random.below(6)).into_bytes()
    }

    fn text(&mut self) -> Vec<u8> {
        let (letters, len) = (2 + self.random.below(3), self.random.below(80));
        (0..len).map(|_| b"abcd"[self.random.below(letters)]).collect()
    }

    fn set_many(&mut self) -> Words {
        let mut words = vec![self.random.pick(&["MSET", "MSETNX"]).into()];
        let count = match self.random.below(30) {
            0 => 0,
            1 => 200,
            _ => 1 + self.random.below(5),
        };
        for _ in 0..count {
            let value = if count > 5 { self.number() } else { self.value() };
            words.extend([self.key(), value]);
        }
        match self.random.below(12) {
            // A key twice: the later value stays.
            0 if count > 0 => words.extend([words[1].clone(), b"again".to_vec()]),
            // A key without a value.
            1 => words.push(self.key()),
            _ => {}
        }
        words
    }
}
