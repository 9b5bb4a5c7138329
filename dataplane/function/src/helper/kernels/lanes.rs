//! Loops on elements of one type.

/// A type of elements.
pub trait Element: Copy + Ord + 'static {
    /// Its place in `Kernels::lanes`.
    const INDEX: usize;
    /// The least there is.
    const LEAST: Self;
    /// The greatest there is.
    const MOST: Self;

    /// The elements that bytes are.
    fn all(bytes: &[u8]) -> impl ExactSizeIterator<Item = Self> + DoubleEndedIterator;

    /// The element in 64 bits, with its sign if it has one.
    fn wide(self) -> u64;

    /// The element of this number; an error says whether all elements are less than it.
    ///
    /// # Errors
    /// If there is none.
    fn narrow(number: u64) -> Result<Self, bool>;
}

macro_rules! element {
    ($($type:ty: $index:literal, $wide:ty, $to:expr, $of:expr;)+) => {$(
        impl Element for $type {
            const INDEX: usize = $index;
            const LEAST: Self = <$type>::MIN;
            const MOST: Self = <$type>::MAX;

            #[inline(always)]
            fn all(bytes: &[u8]) -> impl ExactSizeIterator<Item = Self> + DoubleEndedIterator {
                bytes.as_chunks().0.iter().map(|&element| Self::from_le_bytes(element))
            }

            #[inline(always)]
            fn wide(self) -> u64 {
                $to(<$wide>::from(self))
            }

            #[inline(always)]
            fn narrow(number: u64) -> Result<Self, bool> {
                let number = $of(number);
                Self::try_from(number).map_err(|_| number > <$wide>::from(Self::MAX))
            }
        }
    )+};
}

element! {
    i8: 0, i64, i64::cast_unsigned, u64::cast_signed;
    i16: 1, i64, i64::cast_unsigned, u64::cast_signed;
    i32: 2, i64, i64::cast_unsigned, u64::cast_signed;
    i64: 3, i64, i64::cast_unsigned, u64::cast_signed;
    u8: 4, u64, u64::from, u64::from;
    u16: 5, u64, u64::from, u64::from;
    u32: 6, u64, u64::from, u64::from;
    u64: 7, u64, u64::from, u64::from;
}

/// See [`Lanes::sum`](super::Lanes::sum).
#[inline(always)]
pub fn sum<T: Element>(values: &[u8]) -> u64 {
    T::all(values).fold(0, |sum, value| sum.wrapping_add(value.wide()))
}

/// See [`Lanes::min`](super::Lanes::min).
#[inline(always)]
pub fn min<T: Element>(values: &[u8]) -> u64 {
    T::all(values).fold(T::MOST, T::min).wide()
}

/// See [`Lanes::max`](super::Lanes::max).
#[inline(always)]
pub fn max<T: Element>(values: &[u8]) -> u64 {
    T::all(values).fold(T::LEAST, T::max).wide()
}

/// See [`Lanes::count_above`](super::Lanes::count_above).
#[inline(always)]
pub fn count_above<T: Element>(values: &[u8], threshold: u64) -> u64 {
    match T::narrow(threshold) {
        Ok(threshold) => T::all(values).fold(0, |count, value| count + u64::from(value > threshold)),
        Err(true) => 0,
        Err(false) => T::all(values).len() as u64,
    }
}

/// See [`Lanes::count_equal`](super::Lanes::count_equal).
#[inline(always)]
pub fn count_equal<T: Element>(values: &[u8], number: u64) -> u64 {
    T::narrow(number)
        .map_or(0, |number| T::all(values).fold(0, |count, value| count + u64::from(value == number)))
}

/// See [`Lanes::sum_above`](super::Lanes::sum_above).
#[inline(always)]
pub fn sum_above<T: Element>(values: &[u8], threshold: u64) -> u64 {
    match T::narrow(threshold) {
        Ok(threshold) => T::all(values)
            .fold(0, |sum, value| sum.wrapping_add(if value > threshold { value.wide() } else { 0 })),
        Err(true) => 0,
        Err(false) => sum::<T>(values),
    }
}

/// See [`Lanes::select_above`](super::Lanes::select_above).
#[inline(always)]
pub fn select_above<T: Element>(values: &[u8], threshold: u64, indexes: &mut [u8]) -> Option<u64> {
    let threshold = match T::narrow(threshold) {
        Ok(threshold) => Some(threshold),
        Err(true) => return Some(0),
        Err(false) => None,
    };
    let mut room = indexes.as_chunks_mut().0.iter_mut();
    let mut selected = 0;
    for (index, value) in (0_u32..).zip(T::all(values)) {
        if threshold.is_none_or(|threshold| value > threshold) {
            *room.next()? = index.to_le_bytes();
            selected += 1;
        }
    }
    Some(selected)
}
