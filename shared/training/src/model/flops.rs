//! Arithmetic of a graph, counted from its shapes.

use move37_candidate::ir::{Graph, Node, Op};

/// Floating-point operations of computing the graph's outputs once: a multiply-add is 2, an elementwise function or one
/// element of a reduction 1, of a softmax 5; movement is free. What depends on no input and no parameter is computed once
/// per program and not counted.
pub fn flops(graph: &Graph) -> f64 {
    let live = graph.reachable(&graph.outputs);
    let mut varies = vec![false; graph.nodes().len()];
    let mut total = 0.0;
    for (i, node) in graph.nodes().iter().enumerate() {
        varies[i] = matches!(node.op, Op::Input(_) | Op::Param(_)) || node.inputs.iter().any(|j| varies[j.index()]);
        if live[i] && varies[i] {
            total += cost(graph, node);
        }
    }
    total
}

fn cost(graph: &Graph, node: &Node) -> f64 {
    let (own, size) = (node.elements() as f64, |i: usize| graph.node(node.inputs[i]).elements() as f64);
    match &node.op {
        Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Where => own,
        Op::Matmul => {
            let a = graph.shape(node.inputs[0]);
            2.0 * own * a[a.len() - 1] as f64
        }
        Op::Reduce { .. } | Op::ArgMax(_) => size(0),
        Op::Softmax(_) | Op::LogSoftmax(_) => 5.0 * own,
        Op::CumSum(_) | Op::CumProd(_) => own,
        Op::ArgSort { axis, .. } => own * (node.shape[*axis].max(2) as f64).log2(),
        Op::ScatterAdd(_) | Op::IndexAdd(_) => size(2),
        Op::CircularConv => {
            let size = graph.shape(node.inputs[0]).last().copied().unwrap_or(1).max(2) as f64;
            2.5 * size.log2() * (size_of_operands(graph, node) + own) + 3.0 * own
        }
        Op::DepthwiseConv { .. } => 2.0 * own * graph.shape(node.inputs[1])[1] as f64,
        Op::DepthwiseConvWeight { taps, .. } => 2.0 * size(1) * *taps as f64,
        Op::Input(_) | Op::Param(_) | Op::Full(_) | Op::Arange { .. } | Op::Literal(_) | Op::Random { .. } => 0.0,
        Op::Cast | Op::Reshape | Op::Permute(_) | Op::Expand | Op::Slice { .. } | Op::SliceScatter { .. } => 0.0,
        Op::Cat(_) | Op::Pad { .. } | Op::Flip(_) | Op::Gather(_) | Op::IndexSelect(_) => 0.0,
    }
}

fn size_of_operands(graph: &Graph, node: &Node) -> f64 {
    node.inputs.iter().map(|&i| graph.node(i).elements() as f64).sum()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use move37_candidate::ir::{DType, Unary};

    use super::*;

    #[test]
    fn a_matrix_product_counts_two_per_multiply_add_and_dead_nodes_nothing() {
        let mut graph = Graph::default();
        let a = graph.input("a", &[5, 2, 3], DType::F32).unwrap();
        let b = graph.input("b", &[3, 4], DType::F32).unwrap();
        let product = graph.matmul(a, b).unwrap();
        let y = graph.unary(Unary::Exp, product).unwrap();
        graph.unary(Unary::Sin, product).unwrap();
        graph.outputs = vec![y];
        assert_eq!(flops(&graph), (5 * 2 * 4 * (2 * 3 + 1)) as f64);
    }
}
