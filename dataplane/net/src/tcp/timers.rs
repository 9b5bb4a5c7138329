//! When connections are due: a heap with one entry for each at most, which moves only when it becomes earlier.

/// Deadlines by the index of their connection.
#[derive(Default)]
pub(super) struct Timers {
    /// A binary heap by time, the earliest first.
    heap: Vec<(u64, u32)>,
    /// Where each connection's entry is, one more than its place in the heap; 0: it has none.
    positions: Vec<u32>,
}

impl Timers {
    /// The earliest deadline.
    #[inline]
    pub(super) fn first_ns(&self) -> Option<u64> {
        self.heap.first().map(|(due_ns, _)| *due_ns)
    }

    /// Sees to it that the connection is looked at when `due_ns` is there, or earlier.
    #[inline]
    pub(super) fn at_latest(&mut self, index: u32, due_ns: u64) {
        let place = index as usize;
        if place >= self.positions.len() {
            self.positions.resize(place + 1, 0);
        }
        match self.positions[place].checked_sub(1) {
            Some(at) if self.heap[at as usize].0 <= due_ns => {}
            Some(at) => {
                self.heap[at as usize].0 = due_ns;
                self.rise(at as usize);
            }
            None => {
                self.heap.push((due_ns, index));
                self.rise(self.heap.len() - 1);
            }
        }
    }

    /// Takes the earliest connection out if it is due.
    #[inline]
    pub(super) fn pop_due(&mut self, now_ns: u64) -> Option<u32> {
        let (_, index) = *self.heap.first().filter(|(due_ns, _)| *due_ns <= now_ns)?;
        self.remove(index);
        Some(index)
    }

    /// Takes the connection out.
    pub(super) fn remove(&mut self, index: u32) {
        let Some(at) = self.positions.get(index as usize).and_then(|position| position.checked_sub(1)) else {
            return;
        };
        let at = at as usize;
        self.heap.swap_remove(at);
        self.positions[index as usize] = 0;
        if at < self.heap.len() {
            self.settle(at);
            self.rise(at);
            self.sink(at);
        }
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.heap[at].0 < self.heap[(at - 1) / 2].0 {
            let above = (at - 1) / 2;
            self.heap.swap(at, above);
            self.settle(at);
            at = above;
        }
        self.settle(at);
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let below = [2 * at + 1, 2 * at + 2].into_iter().filter(|below| *below < self.heap.len());
            let Some(least) = below.min_by_key(|below| self.heap[*below].0) else { break };
            if self.heap[at].0 <= self.heap[least].0 {
                break;
            }
            self.heap.swap(at, least);
            self.settle(at);
            at = least;
        }
        self.settle(at);
    }

    /// Writes down where an entry is.
    fn settle(&mut self, at: usize) {
        let index = self.heap[at].1 as usize;
        self.positions[index] = u32::try_from(at + 1).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_deadlines_come_out_in_order_and_only_become_earlier() {
        let (mut timers, mut model, mut seed) = (Timers::default(), vec![None::<u64>; 50], 1_u64);
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for step in 0..20_000 {
            let index = usize::try_from(random(50)).unwrap();
            let number = u32::try_from(index).unwrap();
            match random(4) {
                0 => {
                    timers.remove(number);
                    model[index] = None;
                }
                1 => {
                    let due = timers.pop_due(step);
                    let least = model.iter().flatten().min().copied().filter(|least| *least <= step);
                    assert_eq!(due.map(|due| model[due as usize].take().unwrap()), least);
                }
                _ => {
                    let due_ns = step + random(100);
                    timers.at_latest(number, due_ns);
                    model[index] = Some(model[index].map_or(due_ns, |old| old.min(due_ns)));
                }
            }
            assert_eq!(timers.first_ns(), model.iter().flatten().min().copied());
        }
    }
}
