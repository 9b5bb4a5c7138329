//! Commands on several keys whose operations all fit in one round: nothing is kept of them but the operations.

use adit_wire::kv::{Condition, Expiry, Operation, PutAnswer};

use crate::plan::{Arguments, Plan, Together};
use crate::requests::answer_bytes;
use crate::shard::Shard;
use crate::transaction::call::Doing;
use crate::transaction::round::Encode;
use crate::transaction::{Phase, Transaction};

impl Shard {
    /// Takes the operations of a command on several keys straight from its arguments, if they fit in one round: then
    /// nothing else of them is kept. Whether they do.
    pub(crate) fn spread(
        &self,
        transaction: &mut Transaction,
        arguments: &impl Arguments,
        planned: Plan,
    ) -> bool {
        let Transaction { route, round, at, bucket, doing, phase, .. } = transaction;
        let (operation, together) = match planned {
            Plan::Keys(operation, together) => (operation, Some(together)),
            Plan::PutAll { if_absent } => {
                (round.stages, *doing) = (true, Doing::PutAll { if_absent });
                (put_all(if_absent), None)
            }
            _ => return false,
        };
        if let Some(together) = together {
            round.encode.extend(together.header(arguments));
        }
        for index in (1..arguments.count()).step_by(if together.is_some() { 1 } else { 2 }) {
            if round.is_full() {
                *doing = Doing::Calls;
                round.clear();
                return false;
            }
            let (shard, key) = self.find_home(*bucket, arguments.get(index));
            let value = if together.is_some() { &[] } else { arguments.get(index + 1) };
            round.bytes += answer_bytes(operation, &self.pages, shard) as usize;
            round.push(shard, operation, &key, value, None);
            round.encode.extend(together.map(Together::each));
        }
        round.encode.extend(together.and_then(Together::footer));
        route.visit_shards(round.shards(), self.descends());
        (round.ends, at.call, *phase) = (true, 1, Phase::Visit);
        true
    }
}

impl Together {
    /// What comes before the replies on the keys.
    pub(super) fn header(self, arguments: &impl Arguments) -> Option<Encode> {
        let count = u32::try_from(arguments.count() - 1).unwrap_or(u32::MAX);
        (self == Self::Array).then_some(Encode::Array(count))
    }

    /// What becomes of the reply on each key.
    pub(super) fn each(self) -> Encode {
        match self {
            Self::Array => Encode::One,
            Self::Watch => Encode::Version,
            Self::Sum | Self::Done => Encode::Add,
        }
    }

    /// What comes after them.
    pub(super) fn footer(self) -> Option<Encode> {
        match self {
            Self::Array => None,
            Self::Sum => Some(Encode::Total),
            Self::Done | Self::Watch => Some(Encode::Done),
        }
    }
}

/// What MSET, or MSETNX, does with each key.
pub(super) fn put_all(if_absent: bool) -> Operation {
    let condition = if if_absent { Condition::IfAbsent } else { Condition::Always };
    Operation::Put { condition, expiry: Expiry::Never, answer: PutAnswer::Done }
}
