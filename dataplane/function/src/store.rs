//! The store as functions see it: records by key, in one bucket of one tenant. Who calls functions implements it.

/// The records that a call may read, and room for what it stages. Nothing of it changes while a call runs.
pub trait Store {
    /// Looks a record up. Its bytes are those from `offset` on as far as they lie in one piece; none if the value ends before.
    ///
    /// # Errors
    /// If that cannot be told now.
    fn get<'s>(&'s self, key: &[u8], offset: u64) -> Result<Option<Found<'s>>, Unready>;

    /// Looks records up by keys of `key_bytes` each, one behind the other, and says where each value starts as [`Store::get`] does: `views` has one for
    /// each key.
    ///
    /// A store that is larger than the caches of the processor overrides this: it computes all hashes, asks memory for all lines of its index, then
    /// for all records, and looks them up last.
    ///
    /// # Errors
    /// If one of them cannot be told now.
    fn get_many<'s>(
        &'s self,
        keys: &[u8],
        key_bytes: usize,
        views: &mut [Option<&'s [u8]>],
    ) -> Result<(), Unready> {
        for (index, view) in views.iter_mut().enumerate() {
            let key = &keys[index * key_bytes..][..key_bytes];
            *view = self.get(key, 0)?.map(|found| found.bytes);
        }
        Ok(())
    }

    /// Takes room for a record that a call stages, so that nothing can fail when it is applied. The room of a record that is staged
    /// twice is taken twice.
    ///
    /// # Errors
    /// If there is none, or the record may not be written here.
    fn reserve(&self, key: &[u8], value_bytes: u64) -> Result<(), Unready>;

    /// Gives up all room that was taken in a call, as that has been dropped.
    fn release(&self);
}

/// A record that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found<'s> {
    /// Bytes of its value, from the offset that was asked for.
    pub bytes: &'s [u8],
    /// Bytes of the whole value: at most [`VALUE_BYTES_MAX`](adit_wire::kv::VALUE_BYTES_MAX), which the verifier relies on.
    pub value_bytes: u64,
    /// Its version, which is not 0 and not [`STAGED_VERSION`].
    pub version: u64,
}

/// Why a record cannot be read or written now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unready {
    /// It is not in memory. The store knows what to load; then the call can begin again.
    Away,
    /// Another shard has it.
    Elsewhere,
    /// There is no room for it.
    Full,
    /// Its device has failed.
    Device,
}

/// The version of a record that the call itself has staged: it gets one of its own when it is applied.
pub const STAGED_VERSION: u64 = u64::MAX;
