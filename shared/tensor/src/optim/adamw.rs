//! AdamW (Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019), in one pass per parameter.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Storage, Tensor};

use super::state::State;
use crate::Error;
use crate::exec::vectorised;

/// Settings of AdamW. The learning rate is given with each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay, applied to parameters of two or more dimensions only: gains, biases and per-head scalars
    /// are not pulled to zero.
    pub weight_decay: f64,
    /// Largest norm of all gradients together; larger ones are scaled down to it.
    pub clip: Option<f64>,
    /// A greater norm of all gradients together changes nothing.
    pub limit: Option<f64>,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weight_decay: 0.1, clip: Some(1.0), limit: None }
    }
}

impl AdamW {
    /// Move `params` (row-major F32 CPU tensors, changed in place) one step; a parameter without gradient stays. Gives the
    /// norm of all gradients before clipping; where that is not finite or above the limit, nothing is changed.
    ///
    /// # Errors
    /// If numbers or sizes of parameters, gradients and moments differ.
    pub fn step(
        &self,
        state: &mut State,
        params: &[Tensor],
        gradients: &[Option<Tensor>],
        learning_rate: f64,
    ) -> Result<f64, Error> {
        for (what, got) in [("gradients", gradients.len()), ("moments", state.m.len()), ("moments", state.v.len())] {
            if got != params.len() {
                return Err(Error::Count { what, needed: params.len(), got });
            }
        }
        for (i, (p, g)) in params.iter().zip(gradients).enumerate() {
            let sizes = [state.m[i].len(), state.v[i].len(), g.as_ref().map_or(p.elem_count(), Tensor::elem_count)];
            if let Some(&got) = sizes.iter().find(|&&n| n != p.elem_count()) {
                return Err(Error::Moments { needed: p.elem_count(), got });
            }
        }
        let norm = norm(gradients)?;
        if !norm.is_finite() || self.limit.is_some_and(|limit| norm > limit) {
            return Ok(norm);
        }
        state.step += 1;
        let scale = self.clip.map_or(1.0, |clip| (clip / (norm + 1e-6)).min(1.0));
        for (i, (param, gradient)) in params.iter().zip(gradients).enumerate() {
            if let Some(gradient) = gradient {
                let decay = if param.rank() >= 2 { self.weight_decay } else { 0.0 };
                let factors = self.factors(state.step, scale, learning_rate, decay);
                update(param, gradient, &mut state.m[i], &mut state.v[i], factors)?;
            }
        }
        Ok(norm)
    }

    #[expect(clippy::cast_possible_truncation, reason = "factors of an f32 update")]
    fn factors(&self, step: u64, scale: f64, learning_rate: f64, decay: f64) -> Factors {
        let t = step as f64;
        let (c1, c2) = (1.0 - self.beta1.powf(t), 1.0 - self.beta2.powf(t));
        Factors {
            scale: scale as f32,
            beta1: self.beta1 as f32,
            beta2: self.beta2 as f32,
            rest1: (1.0 - self.beta1) as f32,
            rest2: (1.0 - self.beta2) as f32,
            keep: (1.0 - learning_rate * decay) as f32,
            rate: (learning_rate / c1) as f32,
            unbias: (1.0 / c2) as f32,
            epsilon: self.epsilon as f32,
        }
    }
}

/// Everything of a step that is the same for all elements.
#[derive(Clone, Copy)]
struct Factors {
    scale: f32,
    beta1: f32,
    beta2: f32,
    rest1: f32,
    rest2: f32,
    keep: f32,
    rate: f32,
    unbias: f32,
    epsilon: f32,
}

fn norm(gradients: &[Option<Tensor>]) -> Result<f64, Error> {
    let mut sum = 0.0;
    for gradient in gradients.iter().flatten() {
        sum += with_floats(gradient, |g| vectorised(g, squares))?;
    }
    Ok(sum.sqrt())
}

#[inline(always)]
fn squares(x: &[f32]) -> f64 {
    let mut lanes = [0.0f64; 8];
    for chunk in x.chunks(8) {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(x) * f64::from(x);
        }
    }
    lanes.iter().sum()
}

fn with_floats<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R, Error> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(CpuStorage::F32(data)) => {
            let start = layout.start_offset();
            Ok(f(&data[start..start + layout.shape().elem_count()]))
        }
        _ => Err(candle_core::Error::Msg("gradients are F32 on the CPU".to_owned()).into()),
    }
}

fn update(param: &Tensor, gradient: &Tensor, m: &mut [f32], v: &mut [f32], factors: Factors) -> Result<(), Error> {
    with_floats(gradient, |g| param.inplace_op1(&Update { g, moments: RefCell::new((m, v)), factors }))??;
    Ok(())
}

struct Update<'a> {
    g: &'a [f32],
    moments: RefCell<(&'a mut [f32], &'a mut [f32])>,
    factors: Factors,
}

impl InplaceOp1 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(data), true) = (storage, layout.is_contiguous()) else {
            return Err(candle_core::Error::Msg("parameters are row-major F32".to_owned()));
        };
        let start = layout.start_offset();
        let p = &mut data[start..start + layout.shape().elem_count()];
        let mut moments = self.moments.borrow_mut();
        let (m, v) = &mut *moments;
        vectorised((p, self.g, &mut **m, &mut **v, self.factors), advance);
        Ok(())
    }
}

#[inline(always)]
fn advance((p, g, m, v, f): (&mut [f32], &[f32], &mut [f32], &mut [f32], Factors)) {
    for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        let g = g * f.scale;
        *m = *m * f.beta1 + g * f.rest1;
        *v = *v * f.beta2 + g * g * f.rest2;
        *p = *p * f.keep - f.rate * *m / ((*v * f.unbias).sqrt() + f.epsilon);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use candle_core::{Device, Tensor};

    use super::{AdamW, State};

    fn tensor(data: &[f32], shape: &[usize]) -> Tensor {
        Tensor::from_vec(data.to_vec(), shape, &Device::Cpu).unwrap()
    }

    fn values(t: &Tensor) -> Vec<f32> {
        t.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// AdamW written down from the paper, in f64.
    fn reference(p: f64, gradients: &[f64], lr: f64, decay: f64) -> f64 {
        let (mut p, mut m, mut v) = (p, 0.0, 0.0);
        for (i, g) in gradients.iter().enumerate() {
            let t = i as i32 + 1;
            m = 0.9 * m + 0.1 * g;
            v = 0.99 * v + 0.01 * g * g;
            let (mh, vh) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.99f64.powi(t)));
            p = p * (1.0 - lr * decay) - lr * mh / (vh.sqrt() + 1e-8);
        }
        p
    }

    #[test]
    fn steps_follow_the_closed_form_and_vectors_do_not_decay() {
        let adam = AdamW { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1, clip: None, limit: None };
        let params = [tensor(&[1.0, -2.0], &[1, 2]), tensor(&[3.0], &[1])];
        let mut state = State::new(&params);
        let history = [[0.5, -1.0, 2.0], [0.25, 3.0, -1.0], [-2.0, 0.1, 0.3]];
        for g in history {
            let gradients = [Some(tensor(&[g[0], g[1]], &[1, 2])), Some(tensor(&[g[2]], &[1]))];
            adam.step(&mut state, &params, &gradients, 0.01).unwrap();
        }
        let column = |i: usize| history.map(|g| f64::from(g[i]));
        let matrix = values(&params[0]);
        assert!((f64::from(matrix[0]) - reference(1.0, &column(0), 0.01, 0.1)).abs() < 1e-6);
        assert!((f64::from(matrix[1]) - reference(-2.0, &column(1), 0.01, 0.1)).abs() < 1e-6);
        assert!((f64::from(values(&params[1])[0]) - reference(3.0, &column(2), 0.01, 0.0)).abs() < 1e-6);
    }

    #[test]
    fn gradients_are_clipped_by_the_norm_of_all_of_them_together() {
        let adam = AdamW { clip: Some(1.0), ..AdamW::default() };
        let params = [tensor(&[0.0], &[1]), tensor(&[0.0], &[1])];
        let mut state = State::new(&params);
        let gradients = [Some(tensor(&[3.0], &[1])), Some(tensor(&[4.0], &[1]))];
        let norm = adam.step(&mut state, &params, &gradients, 0.1).unwrap();
        assert!((norm - 5.0).abs() < 1e-6);
        assert!((state.m[0][0] - 0.1 * 0.6).abs() < 1e-5 && (state.m[1][0] - 0.1 * 0.8).abs() < 1e-5);
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let params = [tensor(&[1.0], &[1])];
        let mut state = State::new(&params);
        let norm = AdamW::default().step(&mut state, &params, &[Some(tensor(&[f32::NAN], &[1]))], 0.1).unwrap();
        assert!(norm.is_nan());
        assert_eq!((values(&params[0]), state.step), (vec![1.0], 0));
    }

    #[test]
    fn a_gradient_above_the_limit_changes_nothing() {
        let params = [tensor(&[1.0], &[1])];
        let mut state = State::new(&params);
        let adam = AdamW { limit: Some(1e3), ..AdamW::default() };
        let norm = adam.step(&mut state, &params, &[Some(tensor(&[2e3], &[1]))], 0.1).unwrap();
        assert_eq!((norm, values(&params[0]), state.step), (2e3, vec![1.0], 0));
    }

    #[test]
    fn a_restored_state_continues_as_if_never_stopped() {
        let adam = AdamW::default();
        let step = |state: &mut State, p: &[Tensor], g: f32| {
            adam.step(state, p, &[Some(tensor(&[g, 1.0], &[2]))], 0.1).unwrap();
        };
        let (a, b) = ([tensor(&[1.0, 2.0], &[2])], [tensor(&[1.0, 2.0], &[2])]);
        let mut through = State::new(&a);
        step(&mut through, &a, 0.5);
        step(&mut through, &a, -0.25);
        let mut first = State::new(&b);
        step(&mut first, &b, 0.5);
        let saved: Vec<Tensor> = first.tensors(&["w"]).unwrap().into_iter().map(|(_, t)| t).collect();
        let mut second = State::restore(first.step, &saved).unwrap();
        step(&mut second, &b, -0.25);
        assert_eq!((values(&a[0]), through), (values(&b[0]), second));
    }
}
