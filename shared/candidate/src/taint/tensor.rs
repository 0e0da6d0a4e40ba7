//! The abstraction of a node: compact where its elements agree or are constants.

use std::rc::Rc;
use std::sync::Arc;

use super::element::Element;

/// Elements of a node, row-major.
#[derive(Clone, Debug)]
pub enum Tensor {
    /// All the same.
    Uniform(Element),
    /// Constants.
    Constant(Arc<[f64]>),
    /// Anything.
    Dense(Rc<Vec<Element>>),
}

impl Tensor {
    /// The most compact form of these elements.
    pub fn of(elements: Vec<Element>) -> Self {
        match elements.first() {
            None => Self::Constant(Arc::from([])),
            Some(first) if elements.iter().all(|e| e == first) => Self::Uniform(*first),
            Some(first) if first.constant().is_some() => {
                let constants: Option<Arc<[f64]>> = elements.iter().map(|e| e.constant()).collect();
                constants.map_or_else(|| Self::Dense(Rc::new(elements)), Self::Constant)
            }
            Some(_) => Self::Dense(Rc::new(elements)),
        }
    }

    /// One element.
    #[inline]
    pub fn at(&self, i: usize) -> Element {
        match self {
            Self::Uniform(e) => *e,
            Self::Constant(values) => Element::known(values[i]),
            Self::Dense(elements) => elements[i],
        }
    }

    /// All `n` elements.
    pub fn elements(&self, n: usize) -> Rc<Vec<Element>> {
        match self {
            Self::Dense(elements) => elements.clone(),
            _ => Rc::new((0..n).map(|i| self.at(i)).collect()),
        }
    }

    /// The values of all `n` elements, where all are constants.
    pub fn constants(&self, n: usize) -> Option<Arc<[f64]>> {
        match self {
            Self::Uniform(e) => e.constant().map(|x| vec![x; n].into()),
            Self::Constant(values) => Some(values.clone()),
            Self::Dense(_) => None,
        }
    }

    /// Whether some element is exactly zero.
    pub fn has_zero(&self) -> bool {
        match self {
            Self::Uniform(e) => e.zero(),
            Self::Constant(values) => values.contains(&0.0),
            Self::Dense(elements) => elements.iter().any(|e| e.zero()),
        }
    }
}
