//! Policy: which inner size of the SwiGLU makes a candidate as large, or as costly, as the baseline.
//!
//! Width, depth and heads are the same for all. A block is the mixing layer, two norms and the SwiGLU, whose three
//! matrices have `3 d` parameters for every unit of the inner size and take `6 d + 2` FLOPs per position.

use move37_events::facts::{Equalise, Finding, GateReport, Model, Sizes};

use crate::admission::finding;
use crate::state::Size;

/// How far from equal is still equal, relative.
const TOLERANCE: f64 = 0.02;

/// What a layer costs, where the gate could tell.
pub(crate) fn size(report: &GateReport) -> Option<Size> {
    let shortest = report.flops.iter().min_by_key(|cost| cost.length)?;
    Some(Size { parameters: report.parameters?, flops: shortest.flops, length: shortest.length })
}

/// The sizes at which a candidate is trained; the baseline's where there is none to compare with. Where no inner size
/// makes it equal, the sizes that come nearest, and the finding that says so.
pub(crate) fn sizes(model: &Model, baseline: Option<Size>, own: Size) -> (Sizes, Option<Finding>) {
    let of = |swiglu: u32| block(model, own, swiglu);
    let (Some(baseline), mode) = (baseline, model.equalise) else { return (of(model.swiglu), None) };
    let goal = block(model, baseline, model.swiglu);
    let (what, unit, missing, measure): (_, _, _, fn(&Sizes) -> f64) = match mode {
        Equalise::None => return (of(model.swiglu), None),
        Equalise::Parameters => {
            let measure: fn(&Sizes) -> f64 = |sizes| sizes.parameters as f64;
            ("parameters", per_unit(model), measure(&goal) - measure(&of(0)), measure)
        }
        Equalise::Flops => {
            let measure: fn(&Sizes) -> f64 = |sizes| sizes.flops;
            ("FLOPs", flops_per_unit(model, own.length), measure(&goal) - measure(&of(0)), measure)
        }
    };
    let wanted = (missing / unit).round();
    let mut sizes = of(wanted.max(f64::from(model.d_model)) as u32);
    sizes.excess = measure(&sizes) / measure(&goal).max(1.0) - 1.0;
    sizes.comparable = sizes.excess.abs() <= TOLERANCE;
    if sizes.comparable {
        return (sizes, None);
    }
    let over = 100.0 * sizes.excess;
    let message = format!(
        "its block is {over:.1} % beyond the baseline's {what} even with an inner size of the SwiGLU of {}, \
         the smallest that the width allows",
        sizes.swiglu
    );
    let excess = measure(&sizes) - measure(&goal);
    let hint =
        format!("make the mixing layer smaller by {excess:.0} {what} at least: share, narrow or drop projections");
    (sizes, Some(finding("over_budget", message, &hint)))
}

/// A block with this mixing layer.
fn block(model: &Model, layer: Size, swiglu: u32) -> Sizes {
    let norms = 2 * u64::from(model.d_model);
    Sizes {
        swiglu,
        parameters: layer.parameters + norms + 3 * u64::from(model.d_model) * u64::from(swiglu),
        flops: layer.flops + flops_per_unit(model, layer.length) * f64::from(swiglu),
        excess: 0.0,
        comparable: true,
    }
}

fn per_unit(model: &Model) -> f64 {
    3.0 * f64::from(model.d_model)
}

fn flops_per_unit(model: &Model, length: u32) -> f64 {
    (6.0 * f64::from(model.d_model) + 2.0) * f64::from(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASELINE: Size = Size { parameters: 4_000, flops: 5e5, length: 64 };

    fn model(equalise: Equalise) -> Model {
        Model { d_model: 32, layers: 2, heads: 4, swiglu: 64, equalise }
    }

    fn parameters(of: u64) -> (Sizes, Option<Finding>) {
        sizes(&model(Equalise::Parameters), Some(BASELINE), Size { parameters: of, ..BASELINE })
    }

    #[test]
    fn the_baseline_has_the_size_that_the_campaign_states() {
        let own = sizes(&model(Equalise::Parameters), None, BASELINE).0;
        assert_eq!((own.swiglu, own.parameters), (64, 4_000 + 64 + 3 * 32 * 64));
        assert!(own.comparable);
    }

    #[test]
    fn a_larger_mixing_layer_gets_a_smaller_swiglu_and_a_smaller_one_a_larger() {
        assert_eq!(parameters(4_000).0.swiglu, 64);
        assert_eq!(parameters(5_920).0.swiglu, 44);
        assert_eq!(parameters(2_080).0.swiglu, 84);
        let odd = parameters(5_000).0;
        assert_eq!(odd.swiglu, 54, "960 parameters for ten units, 40 are over");
        assert!((odd.excess - 40.0 / 10_208.0).abs() < 1e-12);
    }

    #[test]
    fn every_admitted_size_is_within_two_percent() {
        for own in (100..8_000).step_by(37) {
            match parameters(own) {
                (sizes, None) => assert!(sizes.excess.abs() <= 0.02 && sizes.comparable && sizes.swiglu >= 32),
                (sizes, Some(_)) => assert!(!sizes.comparable && sizes.swiglu == 32 && own > 7_200),
            }
        }
    }

    #[test]
    fn what_would_need_a_swiglu_narrower_than_the_width_says_by_how_much_it_is_too_large() {
        let (sizes, finding) = parameters(8_000);
        let finding = finding.expect("it is too large");
        assert_eq!((sizes.swiglu, sizes.comparable), (32, false));
        assert_eq!(finding.kind, "over_budget");
        assert!(finding.message.contains("9.1 % beyond"), "{}", finding.message);
        assert!(finding.hint.contains("928 parameters"), "{}", finding.hint);
    }

    #[test]
    fn flops_can_be_made_equal_instead() {
        let own = Size { flops: 5e5 + 20.0 * (6.0 * 32.0 + 2.0) * 64.0, ..BASELINE };
        let sizes = super::sizes(&model(Equalise::Flops), Some(BASELINE), own).0;
        assert_eq!(sizes.swiglu, 44);
        assert!(sizes.excess.abs() < 1e-9);
    }

    #[test]
    fn nothing_is_made_equal_where_that_is_asked_for() {
        let own = Size { parameters: 90_000, ..BASELINE };
        assert_eq!(super::sizes(&model(Equalise::None), Some(BASELINE), own).0.swiglu, 64);
    }
}
