//! Which connections a `CLIENT LIST` or `CLIENT KILL` is about.

use adit_wire::resp::number::parse_i64;

use crate::plan::{Arguments, upper};
use crate::settings::ClientClass;

/// Conditions that a connection has to meet, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// It has one of these numbers; sorted.
    ids: Option<Box<[u64]>>,
    /// It has not this number.
    except: Option<u64>,
    /// Its peer has this address.
    peer: Option<Box<[u8]>>,
    /// It was accepted at this address.
    own: Option<Box<[u8]>>,
    class: Option<Class>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Of(ClientClass),
    /// The server that this one follows; there is none.
    Master,
}

/// Why there is no filter: the text of the error, and the argument that it repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// The options make no sense.
    Syntax,
    /// `LIST ID`: an argument is no number.
    InvalidId,
    /// `KILL ID`: the argument is no number above 0.
    IdNotPositive,
    /// There is no such class of connections; the argument at this place.
    UnknownType(usize),
    /// There is no such user; the argument at this place.
    UnknownUser(usize),
}

impl Filter {
    /// `CLIENT LIST [TYPE type] [ID id ...]`
    ///
    /// # Errors
    /// A [`FilterError`] if there are other options.
    pub fn of_list(arguments: &impl Arguments) -> Result<Self, FilterError> {
        match (upper(arguments.get(2)).as_slice(), arguments.count()) {
            (_, 2) => Ok(Self::default()),
            (b"TYPE", 4) => Ok(Self { class: Some(class(arguments, 3)?), ..Self::default() }),
            (b"ID", 4..) => {
                let mut ids = listed_ids(arguments).collect::<Result<Vec<u64>, _>>()?;
                ids.sort_unstable();
                Ok(Self { ids: Some(ids.into()), ..Self::default() })
            }
            _ => Err(FilterError::Syntax),
        }
    }

    /// `CLIENT KILL address`, or `CLIENT KILL [ID id] [ADDR address] [LADDR address] [TYPE type] [USER user]
    /// [SKIPME yes | no]`, asked by the connection `asker`.
    ///
    /// # Errors
    /// A [`FilterError`] if there are other options.
    pub fn of_kill(arguments: &impl Arguments, asker: u64) -> Result<Self, FilterError> {
        if arguments.count() == 3 {
            return Ok(Self { peer: Some(arguments.get(2).into()), ..Self::default() });
        }
        let mut filter = Self { except: Some(asker), ..Self::default() };
        for index in (2..arguments.count()).step_by(2) {
            let value = arguments.get(index + 1);
            match (upper(arguments.get(index)).as_slice(), arguments.count() - index) {
                (b"ID", 2..) => {
                    let id = parse_i64(value).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
                    filter.ids = Some([id.ok_or(FilterError::IdNotPositive)?].into());
                }
                (b"ADDR", 2..) => filter.peer = Some(value.into()),
                (b"LADDR", 2..) => filter.own = Some(value.into()),
                (b"TYPE", 2..) => filter.class = Some(class(arguments, index + 1)?),
                // All connections are of the only user there is.
                (b"USER", 2..) if value == b"default" => {}
                (b"USER", 2..) => return Err(FilterError::UnknownUser(index + 1)),
                (b"SKIPME", 2..) => match upper(value).as_slice() {
                    b"YES" => filter.except = Some(asker),
                    b"NO" => filter.except = None,
                    _ => return Err(FilterError::Syntax),
                },
                _ => return Err(FilterError::Syntax),
            }
        }
        Ok(filter)
    }

    /// Whether a connection of this number and class may pass: the addresses are looked at only then.
    pub fn may_pass(&self, id: u64, class: ClientClass) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.binary_search(&id).is_ok())
            && self.except != Some(id)
            && self.class.is_none_or(|wanted| wanted == Class::Of(class))
    }

    /// Whether a connection passes that has these addresses, its peer's and ours.
    pub fn passes(&self, addresses: &(String, String)) -> bool {
        self.peer.as_ref().is_none_or(|peer| **peer == *addresses.0.as_bytes())
            && self.own.as_ref().is_none_or(|own| **own == *addresses.1.as_bytes())
    }

    /// Whether it asks for addresses.
    pub fn wants_addresses(&self) -> bool {
        self.peer.is_some() || self.own.is_some()
    }
}

/// The numbers of `CLIENT LIST ID`, in their order; no connection has the number 0.
pub fn listed_ids(arguments: &impl Arguments) -> impl Iterator<Item = Result<u64, FilterError>> {
    let id = |index| parse_i64(arguments.get(index)).ok_or(FilterError::InvalidId);
    (3..arguments.count()).map(move |index| id(index).map(|id| u64::try_from(id).unwrap_or(0)))
}

fn class(arguments: &impl Arguments, index: usize) -> Result<Class, FilterError> {
    match upper(arguments.get(index)).as_slice() {
        b"NORMAL" => Ok(Class::Of(ClientClass::Normal)),
        b"REPLICA" | b"SLAVE" => Ok(Class::Of(ClientClass::Replica)),
        b"PUBSUB" => Ok(Class::Of(ClientClass::Subscriber)),
        b"MASTER" => Ok(Class::Master),
        _ => Err(FilterError::UnknownType(index)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::words;

    fn list(line: &'static str) -> Result<Filter, FilterError> {
        Filter::of_list(&words(line))
    }

    fn kill(line: &'static str) -> Result<Filter, FilterError> {
        Filter::of_kill(&words(line), 7)
    }

    #[test]
    fn a_list_may_name_a_type_or_numbers() {
        let normal = ClientClass::Normal;
        assert!(list("CLIENT LIST").unwrap().may_pass(3, normal));
        assert!(list("CLIENT LIST TYPE normal").unwrap().may_pass(3, normal));
        for other in ["CLIENT LIST TYPE master", "CLIENT LIST type SLAVE", "CLIENT LIST TYPE pubsub"] {
            assert!(!list(other).unwrap().may_pass(3, normal), "{other}");
        }
        let some = list("CLIENT LIST ID 9 3 -1 3").unwrap();
        assert!(some.may_pass(9, normal) && some.may_pass(3, normal) && !some.may_pass(4, normal));
        assert_eq!(list("CLIENT LIST TYPE odd"), Err(FilterError::UnknownType(3)));
        assert_eq!(list("CLIENT LIST ID 3 x"), Err(FilterError::InvalidId));
        for wrong in ["CLIENT LIST ID", "CLIENT LIST TYPE", "CLIENT LIST odd", "CLIENT LIST TYPE normal ID 3"]
        {
            assert_eq!(list(wrong), Err(FilterError::Syntax), "{wrong}");
        }
    }

    #[test]
    fn a_kill_spares_the_asker_unless_told_otherwise() {
        let normal = ClientClass::Normal;
        let here = ("1.2.3.4:5".to_owned(), "1.1.1.1:1".to_owned());
        let old = kill("CLIENT KILL 1.2.3.4:5").unwrap();
        assert!(old.may_pass(7, normal) && old.passes(&here) && old.wants_addresses());
        assert!(!kill("CLIENT KILL 1.2.3.4:6").unwrap().passes(&here));
        assert!(!kill("CLIENT KILL TYPE normal").unwrap().may_pass(7, normal));
        assert!(kill("CLIENT KILL TYPE normal skipme NO").unwrap().may_pass(7, normal));
        let several = kill("CLIENT KILL ID 3 LADDR 1.1.1.1:1 USER default").unwrap();
        assert!(several.may_pass(3, normal) && !several.may_pass(4, normal) && several.passes(&here));
        for (wrong, error) in [
            ("CLIENT KILL ID 0", FilterError::IdNotPositive),
            ("CLIENT KILL ID x", FilterError::IdNotPositive),
            ("CLIENT KILL USER me", FilterError::UnknownUser(3)),
            ("CLIENT KILL TYPE me", FilterError::UnknownType(3)),
            ("CLIENT KILL ID 3 ADDR", FilterError::Syntax),
            ("CLIENT KILL SKIPME maybe", FilterError::Syntax),
            ("CLIENT KILL odd 3", FilterError::Syntax),
        ] {
            assert_eq!(kill(wrong), Err(error), "{wrong}");
        }
    }
}
