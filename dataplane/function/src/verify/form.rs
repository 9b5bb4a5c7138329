//! Linear forms: what a register holds, as a sum of multiples of symbols and a constant. Symbols stand for numbers that are not known but do
//! not change; a form is exact, it never wraps. Sums are longer forms, for questions only.

/// A number that is not known, by its place in `Facts`.
pub(super) type Symbol = u16;

/// A multiple of a symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Term {
    pub(super) symbol: Symbol,
    pub(super) factor: i32,
}

/// A constant and up to two multiples of symbols. Symbols ascend; a term that is not there has the factor 0 and stands last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Form {
    terms: [Term; 2],
    pub(super) constant: i64,
}

impl Form {
    pub(super) const fn constant(constant: i64) -> Self {
        Self { terms: [Term { symbol: 0, factor: 0 }; 2], constant }
    }

    pub(super) const fn symbol(symbol: Symbol) -> Self {
        Self { terms: [Term { symbol, factor: 1 }, Term { symbol: 0, factor: 0 }], constant: 0 }
    }

    /// Its terms, those that are there.
    pub(super) fn terms(&self) -> &[Term] {
        let count = usize::from(self.terms[0].factor != 0) + usize::from(self.terms[1].factor != 0);
        &self.terms[..count]
    }

    /// The number that it is, if it has no terms.
    pub(super) const fn as_constant(&self) -> Option<i64> {
        if self.terms[0].factor == 0 { Some(self.constant) } else { None }
    }

    /// Its only term, if it has one.
    pub(super) const fn as_single(&self) -> Option<Term> {
        if self.terms[0].factor != 0 && self.terms[1].factor == 0 { Some(self.terms[0]) } else { None }
    }

    /// The symbol, if it is one, and what is added to it.
    pub(super) fn as_plain(&self) -> Option<(Symbol, i64)> {
        self.as_single().filter(|term| term.factor == 1).map(|term| (term.symbol, self.constant))
    }

    /// With other numbers of its symbols, in the same order.
    pub(super) fn renumber(&mut self, symbols: &[Option<Symbol>]) {
        for term in self.terms.iter_mut().filter(|term| term.factor != 0) {
            term.symbol = symbols[usize::from(term.symbol)].unwrap_or(0);
        }
    }

    /// With a number added; none if the constant overflows.
    pub(super) fn offset(self, by: i64) -> Option<Self> {
        Some(Self { constant: self.constant.checked_add(by)?, ..self })
    }

    /// Multiplied; none if a factor or the constant overflows.
    pub(super) fn times(self, by: i64) -> Option<Self> {
        if by == 0 {
            return Some(Self::constant(0));
        }
        let by_factor = i32::try_from(by);
        let mut product = Self::constant(self.constant.checked_mul(by)?);
        for (term, to) in self.terms.iter().zip(&mut product.terms) {
            if term.factor != 0 {
                *to = Term { symbol: term.symbol, factor: term.factor.checked_mul(by_factor.ok()?)? };
            }
        }
        Some(product)
    }

    /// Divided, if nothing remains: of no factor and, if `exact`, of the constant; else the constant is rounded down.
    pub(super) fn divided(self, by: i64, exact: bool) -> Option<Self> {
        let mut quotient = Self::constant(self.constant.div_euclid(by));
        if exact && self.constant.rem_euclid(by) != 0 {
            return None;
        }
        for (term, to) in self.terms.iter().zip(&mut quotient.terms) {
            if i64::from(term.factor) % by != 0 {
                return None;
            }
            let factor = i32::try_from(i64::from(term.factor) / by).ok()?;
            *to = Term { symbol: term.symbol, factor };
        }
        Some(quotient)
    }

    /// The sum with `by` times another; none if it has more than two terms, or overflows.
    pub(super) fn plus(self, other: Self, by: i64) -> Option<Self> {
        if let Some(constant) = other.as_constant() {
            return self.offset(constant.checked_mul(by)?);
        }
        let mut sum = Sum::from(self);
        sum.add(&other, by)?;
        sum.as_form()
    }
}

/// A constant and up to [`SUM_TERMS`] multiples of symbols, ascending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sum {
    symbols: [Symbol; SUM_TERMS],
    factors: [i64; SUM_TERMS],
    count: usize,
    pub(super) constant: i64,
}

impl Sum {
    pub(super) const fn constant(constant: i64) -> Self {
        Self { symbols: [0; SUM_TERMS], factors: [0; SUM_TERMS], count: 0, constant }
    }

    pub(super) fn from(form: Form) -> Self {
        let mut sum = Self::constant(form.constant);
        for term in form.terms() {
            sum.symbols[sum.count] = term.symbol;
            sum.factors[sum.count] = i64::from(term.factor);
            sum.count += 1;
        }
        sum
    }

    /// `left` less `right`.
    pub(super) fn difference(left: Form, right: Form) -> Option<Self> {
        let mut sum = Self::from(left);
        sum.add(&right, -1)?;
        Some(sum)
    }

    /// How many terms it has.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Its terms.
    pub(super) fn terms(&self) -> impl Iterator<Item = (Symbol, i64)> + '_ {
        (0..self.count).map(|index| (self.symbols[index], self.factors[index]))
    }

    /// Adds a multiple of a symbol; none, and a sum that is not to be used, if there is no room or a factor overflows.
    pub(super) fn add_term(&mut self, symbol: Symbol, factor: i64) -> Option<()> {
        let at = self.symbols[..self.count].partition_point(|&at| at < symbol);
        if at < self.count && self.symbols[at] == symbol {
            let sum = self.factors[at].checked_add(factor)?;
            self.factors[at] = sum;
            if sum.unsigned_abs() > FACTOR_MAX {
                return None;
            }
            if sum == 0 {
                self.symbols.copy_within(at + 1..self.count, at);
                self.factors.copy_within(at + 1..self.count, at);
                self.count -= 1;
            }
        } else if factor != 0 {
            if self.count == SUM_TERMS || factor.unsigned_abs() > FACTOR_MAX {
                return None;
            }
            self.symbols.copy_within(at..self.count, at + 1);
            self.factors.copy_within(at..self.count, at + 1);
            (self.symbols[at], self.factors[at]) = (symbol, factor);
            self.count += 1;
        }
        Some(())
    }

    /// Adds `by` times a form.
    pub(super) fn add(&mut self, form: &Form, by: i64) -> Option<()> {
        self.constant = self.constant.checked_add(form.constant.checked_mul(by)?)?;
        for term in form.terms() {
            self.add_term(term.symbol, i64::from(term.factor).checked_mul(by)?)?;
        }
        Some(())
    }

    /// The sum with the other sign.
    pub(super) fn negated(&self) -> Option<Self> {
        self.times(-1)
    }

    /// Multiplied, with a number that is not 0.
    pub(super) fn times(&self, by: i64) -> Option<Self> {
        let mut product = *self;
        product.constant = product.constant.checked_mul(by)?;
        for factor in &mut product.factors[..self.count] {
            *factor = factor.checked_mul(by)?;
            if factor.unsigned_abs() > FACTOR_MAX {
                return None;
            }
        }
        Some(product)
    }

    /// The greatest number that divides all factors; 0 if there are none.
    pub(super) fn divisor(&self) -> i64 {
        self.factors[..self.count].iter().fold(0, |divisor, &factor| gcd(divisor, factor.abs()))
    }

    /// The form that it is, if it is short and small enough.
    pub(super) fn as_form(&self) -> Option<Form> {
        let mut form = Form::constant(self.constant);
        if self.count > form.terms.len() {
            return None;
        }
        for (to, (symbol, factor)) in form.terms.iter_mut().zip(self.terms()) {
            *to = Term { symbol, factor: i32::try_from(factor).ok()? };
        }
        Some(form)
    }
}

/// The greatest common divisor of two numbers that are not negative.
pub(super) const fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Most terms of a sum.
pub(super) const SUM_TERMS: usize = 5;
/// Largest factor of a term of a sum: five of them times a number of 64 bits stay within 128 bits.
const FACTOR_MAX: u64 = 1 << 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_ascend_and_vanish() {
        let sum = Form::symbol(5).plus(Form::symbol(2), 3).unwrap();
        assert_eq!(sum.terms(), [Term { symbol: 2, factor: 3 }, Term { symbol: 5, factor: 1 }]);
        assert_eq!(sum.plus(Form::symbol(2), -3), Some(Form::symbol(5)));
        assert_eq!(sum.plus(Form::symbol(7), 1), None, "three terms");
        assert_eq!(sum.times(2).unwrap().divided(2, true), Some(sum));
        assert_eq!(sum.divided(3, true), None);
    }

    #[test]
    fn forms_do_not_wrap() {
        assert_eq!(Form::constant(i64::MAX).offset(1), None);
        assert_eq!(Form::symbol(0).times(1 << 31), None);
        assert_eq!(Form::symbol(0).times(1 << 30).unwrap().plus(Form::symbol(0), 1 << 30), None);
    }

    #[test]
    fn a_quotient_is_rounded_down() {
        let form = Form::symbol(1).times(8).unwrap().offset(-1).unwrap();
        assert_eq!(form.divided(8, true), None);
        assert_eq!(form.divided(8, false).unwrap().as_plain(), Some((1, -1)));
    }

    #[test]
    fn a_sum_has_limits() {
        let mut sum = Sum::constant(0);
        for symbol in 0..5 {
            sum.add_term(symbol, 1).unwrap();
        }
        assert_eq!(sum.add_term(9, 1), None);
        assert_eq!(sum.divisor(), 1);
    }
}
