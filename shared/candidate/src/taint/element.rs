//! What is known about one element, and the rules of elementwise functions.

use crate::ir::eval;
use crate::ir::{Binary, Compare, DType, Unary};

/// Rows of the batch that the analysis looks at.
pub const ROWS: usize = 2;

/// A value at or below this counts as a mask: beside any ordinary score its softmax weight is exactly zero.
pub const MASK: f64 = -1e8;

/// What is known of an element's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Anything.
    Unknown,
    /// This, for all inputs and parameters.
    Known(f64),
    /// A mask value plus something ordinary: far below zero for all inputs and parameters.
    Below(f64),
}

/// For each row of the batch the latest time step of the input that an element can depend on; -1 for none.
pub type Latest = [i16; ROWS];

/// No dependency.
pub const NONE: Latest = [-1; ROWS];

/// Abstraction of one element. A known value has no dependency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Element {
    /// Bound on everything that the element can depend on.
    pub latest: Latest,
    /// The part of it that does not rest on a choice made by data (an index, a condition).
    pub certain: Latest,
    /// What is known of the value.
    pub value: Value,
}

impl Element {
    /// A parameter: any value, no dependency on the input.
    pub const FREE: Self = Self { latest: NONE, certain: NONE, value: Value::Unknown };

    /// A constant.
    pub const fn known(value: f64) -> Self {
        Self { latest: NONE, certain: NONE, value: Value::Known(value) }
    }

    /// An input element.
    pub fn input(row: usize, time: i16) -> Self {
        let mut latest = NONE;
        latest[row] = time;
        Self { latest, certain: latest, value: Value::Unknown }
    }

    /// The constant, if it is one.
    pub fn constant(self) -> Option<f64> {
        match self.value {
            Value::Known(x) => Some(x),
            _ => None,
        }
    }

    /// Whether it is exactly zero.
    pub fn zero(self) -> bool {
        matches!(self.value, Value::Known(x) if x == 0.0)
    }

    /// Whether a softmax gives it no weight beside an ordinary entry.
    pub fn masked(self) -> bool {
        matches!(self.value, Value::Known(x) | Value::Below(x) if x <= MASK)
    }

    /// Depends on all that either depends on; nothing is known of the value.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let later = |a: Latest, b: Latest| [a[0].max(b[0]), a[1].max(b[1])];
        Self {
            latest: later(self.latest, other.latest),
            certain: later(self.certain, other.certain),
            value: Value::Unknown,
        }
    }

    /// The same bound, none of it certain.
    #[must_use]
    pub fn uncertain(self) -> Self {
        Self { certain: NONE, value: Value::Unknown, ..self }
    }

    fn with(self, value: Value) -> Self {
        Self { value, ..self }
    }
}

/// An elementwise function.
pub fn unary(f: Unary, x: Element) -> Element {
    // What is flat far below zero is exactly so in single precision.
    let flat = matches!(
        f,
        Unary::Exp
            | Unary::Expm1
            | Unary::Sigmoid
            | Unary::Relu
            | Unary::Softplus
            | Unary::Tanh
            | Unary::Erf
            | Unary::Sign
    );
    match x.value {
        _ if f == Unary::Detach => x,
        Value::Known(v) => Element::known(eval::unary(f, v)),
        Value::Below(v) if flat => Element::known(eval::unary(f, v)),
        _ => x.with(Value::Unknown),
    }
}

/// An elementwise function of two.
pub fn binary(f: Binary, a: Element, b: Element, dtype: DType) -> Element {
    if let (Value::Known(x), Value::Known(y)) = (a.value, b.value) {
        return Element::known(eval::binary(f, x, y, dtype));
    }
    let truth = |e: Element, x: bool| e.constant().is_some_and(|v| (v != 0.0) == x);
    match f {
        Binary::Mul if a.zero() || b.zero() => return Element::known(0.0),
        Binary::Div | Binary::FloorDiv | Binary::Rem if a.zero() => return Element::known(0.0),
        Binary::Pow if b.zero() || a.constant() == Some(1.0) => return Element::known(1.0),
        Binary::And if truth(a, false) || truth(b, false) => return Element::known(0.0),
        Binary::Or if truth(a, true) || truth(b, true) => return Element::known(1.0),
        Binary::Add | Binary::Sub if dtype == DType::F32 => {
            let sign = if f == Binary::Sub { -1.0 } else { 1.0 };
            return shift(a, b, sign);
        }
        _ => {}
    }
    let value = match (f, a.value, b.value) {
        (Binary::Mul, Value::Below(x), Value::Known(c)) | (Binary::Mul, Value::Known(c), Value::Below(x))
            if c > 0.0 =>
        {
            below(x * c)
        }
        (Binary::Div, Value::Below(x), Value::Known(c)) if c > 0.0 => below(x / c),
        _ => Value::Unknown,
    };
    a.join(b).with(value)
}

/// `a + sign * b` where at most one is known: a mask swallows what is added to it.
fn shift(a: Element, b: Element, sign: f64) -> Element {
    let scaled = |v: Value| match v {
        Value::Known(x) => Value::Known(sign * x),
        Value::Below(_) if sign < 0.0 => Value::Unknown,
        other => other,
    };
    let value = match (a.value, scaled(b.value)) {
        (Value::Known(x), Value::Unknown) | (Value::Unknown, Value::Known(x)) if x == f64::NEG_INFINITY => {
            return Element::known(x);
        }
        (Value::Unknown, Value::Unknown) => Value::Unknown,
        // Minus a mask is far above zero: its sum with anything is no mask.
        _ if matches!(b.value, Value::Below(_)) && sign < 0.0 => Value::Unknown,
        (Value::Known(x) | Value::Below(x), Value::Unknown) | (Value::Unknown, Value::Known(x) | Value::Below(x)) => {
            below(x)
        }
        (Value::Known(x) | Value::Below(x), Value::Known(y) | Value::Below(y)) => below(x + y),
    };
    a.join(b).with(value)
}

fn below(x: f64) -> Value {
    if x <= MASK { Value::Below(x) } else { Value::Unknown }
}

/// An elementwise comparison.
pub fn compare(c: Compare, a: Element, b: Element) -> Element {
    match (a.value, b.value) {
        (Value::Known(x), Value::Known(y)) => Element::known(f64::from(u8::from(eval::compare(c, x, y)))),
        _ => a.join(b),
    }
}

/// `where(cond, a, b)`. A condition decided by data makes the dependency on the branches uncertain.
pub fn select(cond: Element, a: Element, b: Element) -> Element {
    match cond.constant() {
        Some(c) if c != 0.0 => a,
        Some(_) => b,
        None if a.constant().is_some() && a.constant() == b.constant() => a,
        None if cond.latest == NONE => a.join(b),
        None => cond.join(a.join(b).uncertain()),
    }
}

/// Conversion of the dtype.
pub fn cast(x: Element, dtype: DType) -> Element {
    match x.value {
        Value::Known(v) => Element::known(eval::cast(v, dtype)),
        Value::Below(_) if dtype == DType::F32 => x,
        _ => x.with(Value::Unknown),
    }
}
