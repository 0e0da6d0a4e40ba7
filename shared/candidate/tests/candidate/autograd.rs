//! `torch.autograd.Function`: what its backward is taken for, and what is refused.

use move37_candidate::ir::{Op, Unary};
use move37_candidate::language::{Options, Traced, trace};

use super::seeds::dims;

fn layer(forward: &str, backward: &str) -> Result<Traced, String> {
    let source = format!(
        "import torch
import torch.nn as nn
class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return {forward}
    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return {backward}
class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(32))
    def forward(self, x):
        return Own.apply(x, self.w)
"
    );
    trace(&source, &dims(2, 8), &Options::default()).map_err(|f| format!("{:?}", f[0]))
}

fn is_cut(traced: &Traced) -> bool {
    let live = traced.graph.reachable(&traced.graph.outputs);
    traced.graph.nodes().iter().zip(live).any(|(n, live)| live && n.op == Op::Unary(Unary::Detach))
}

#[test]
fn a_backward_that_is_the_derivative_is_left_to_the_graph() {
    // The sum over rows is no product, element by element.
    let traced = layer("x * w", "g * w, (g * x).sum((0, 1))").unwrap();
    assert!(!is_cut(&traced));
    assert!(traced.notes.iter().any(|n| n.text.contains("derivative of its forward")), "{:?}", traced.notes);
    let traced = layer("torch.log(x) * w", "g * w / x, (g * x.log()).sum((0, 1))").unwrap();
    assert!(!is_cut(&traced));
}

#[test]
fn a_backward_that_is_a_product_becomes_it() {
    let traced = layer("x.sign() * 2", "g * (x.abs() < 1), None").unwrap();
    assert!(is_cut(&traced));
    // The parameter has no gradient: nothing that trains depends on it.
    let live = traced.graph.reachable(&traced.graph.outputs);
    assert!(!traced.graph.nodes().iter().zip(live).any(|(n, live)| live && matches!(n.op, Op::Param(_))));
}

#[test]
fn any_other_backward_is_refused_at_the_call() {
    for (forward, backward) in [
        ("x * w", "g * w, (g * x).sum((0, 1)) * 0.5"),
        ("x * w", "g * w, None"),
        ("x.clone()", "g.clamp(-1, 1), None"),
        ("x.clone()", "g + 1, None"),
        ("x.round() * w", "g * w, (g * x).sum((0, 1))"),
        ("x.clone()", "g * g, None"),
    ] {
        let found = layer(forward, backward).map(|t| is_cut(&t));
        match (forward, backward) {
            // Without a gradient of w it is a product.
            ("x * w", "g * w, None") => assert_eq!(found, Ok(true)),
            _ => {
                let text = found.unwrap_err();
                assert!(text.contains("derivative of its forward") && text.contains("line: 17"), "{backward}: {text}");
            }
        }
    }
    let text = layer("x.clone()", "g[:1], None").map(|_| ()).unwrap_err();
    assert!(text.contains("other shapes"), "{text}");
    let text = layer("x.clone()", "g").map(|_| ()).unwrap_err();
    assert!(text.contains("gives 1 gradients for 2 inputs"), "{text}");
}

#[test]
fn what_is_too_large_to_try_is_tried_on_one_row() {
    let source = "import torch
import torch.nn as nn
class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, fixed):
        ctx.save_for_backward(x, w, fixed)
        return (x * fixed) @ w
    @staticmethod
    def backward(ctx, g):
        x, w, fixed = ctx.saved_tensors
        return FACTOR * (g @ w.t()) * fixed, (x * fixed).flatten(0, 1).t() @ g.flatten(0, 1), None
class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.eye(32))
        self.register_buffer('fixed', torch.full((32,), 0.5))
    def forward(self, x):
        return Scaled.apply(x, self.w, self.fixed)
";
    // 64 rows of 512 steps are more than one evaluation may take; the buffer has no gradient to compare.
    let wide = dims(64, 512);
    let traced = trace(&source.replace("FACTOR", "1"), &wide, &Options::default());
    assert!(traced.is_ok(), "{:?}", traced.err());
    let findings = trace(&source.replace("FACTOR", "2"), &wide, &Options::default()).unwrap_err();
    assert!(findings[0].message.contains("the derivative of its forward"), "{findings:?}");
}
