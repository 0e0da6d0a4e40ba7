//! One graph copied into another.

use move37_candidate::ir::{Error, Graph, NodeId, Op};

/// Random streams set aside for each copy, so that no two draw the same numbers.
const STREAMS: u32 = 1 << 16;

/// Copy `part` into `graph`: its inputs become the given nodes, its parameters get `prefix` before their names, its random
/// leaves the streams of copy number `copy`. Returns its outputs. Nodes keep their source lines; what neither an output nor a
/// parameter needs is left out.
pub(super) fn inline(
    graph: &mut Graph,
    part: &Graph,
    inputs: &[NodeId],
    prefix: &str,
    copy: u32,
) -> Result<Vec<NodeId>, Error> {
    let span = graph.span;
    let is_param = |id: &NodeId| matches!(part.node(*id).op, Op::Param(_));
    let ids = (0..part.nodes().len()).map(|i| NodeId(u32::try_from(i).expect("node ids are u32")));
    let roots: Vec<NodeId> =
        ids.filter(is_param).chain(part.outputs.iter().copied()).chain(part.params.iter().map(|p| p.init)).collect();
    let live = part.reachable(&roots);
    let mut placed: Vec<Option<NodeId>> = Vec::with_capacity(part.nodes().len());
    let at = |placed: &[Option<NodeId>], id: NodeId| placed[id.index()].expect("what is needed was placed");
    for (node, live) in part.nodes().iter().zip(live) {
        if !live {
            placed.push(None);
            continue;
        }
        graph.span = node.span;
        let operands: Vec<NodeId> = node.inputs.iter().map(|&i| at(&placed, i)).collect();
        let id = match node.op {
            Op::Input(i) => match inputs.get(i as usize) {
                Some(&id) if graph.shape(id) == node.shape && graph.dtype(id) == node.dtype => id,
                other => {
                    let shape = other.map(|&id| graph.shape(id).to_vec()).unwrap_or_default();
                    return Err(Error::Mismatch { op: "input of the candidate", a: shape, b: node.shape.clone() });
                }
            },
            Op::Param(i) => {
                let param = &part.params[i as usize];
                graph.param(&format!("{prefix}{}", param.name), param.kind, at(&placed, param.init))?
            }
            Op::Random { distribution, stream } => {
                let op = Op::Random { distribution, stream: copy * STREAMS + stream };
                graph.push(op, &[], (&node.shape, node.dtype))?
            }
            ref op => graph.push(op.clone(), &operands, (&node.shape, node.dtype))?,
        };
        placed.push(Some(id));
    }
    graph.span = span;
    Ok(part.outputs.iter().map(|&output| at(&placed, output)).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use move37_candidate::ir::{DType, Distribution, ParamKind};

    use super::*;

    fn part() -> Graph {
        let mut part = Graph::default();
        let x = part.input("x", &[2, 3], DType::F32).unwrap();
        let op = Op::Random { distribution: Distribution::Normal, stream: 4 };
        let init = part.push(op, &[], (&[3], DType::F32)).unwrap();
        part.span.line = 12;
        let scale = part.param("scale", ParamKind::Trained, init).unwrap();
        let y = part.mul(x, scale).unwrap();
        part.outputs = vec![y];
        part
    }

    #[test]
    fn copies_have_parameters_and_random_streams_of_their_own() {
        let mut graph = Graph::default();
        let x = graph.input("x", &[2, 3], DType::F32).unwrap();
        let y = inline(&mut graph, &part(), &[x], "a.", 1).unwrap()[0];
        let z = inline(&mut graph, &part(), &[y], "b.", 2).unwrap()[0];
        let names: Vec<_> = graph.params.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["a.scale", "b.scale"]);
        let streams: Vec<_> = graph.params.iter().map(|p| graph.node(p.init).op.clone()).collect();
        assert_ne!(streams[0], streams[1]);
        assert_eq!(graph.node(z).inputs[0], y);
        assert_eq!((graph.node(z).span.line, graph.span.line), (12, 0));
    }

    #[test]
    fn what_nothing_needs_is_left_out() {
        let mut part = part();
        let op = Op::Random { distribution: Distribution::Normal, stream: u32::MAX };
        part.push(op, &[], (&[3], DType::F32)).unwrap();
        let mut graph = Graph::default();
        let x = graph.input("x", &[2, 3], DType::F32).unwrap();
        inline(&mut graph, &part, &[x], "a.", 1).unwrap();
        assert_eq!(graph.nodes().len(), part.nodes().len() - 1);
    }

    #[test]
    fn an_input_of_another_shape_is_refused() {
        let mut graph = Graph::default();
        let x = graph.input("x", &[2, 4], DType::F32).unwrap();
        assert!(matches!(inline(&mut graph, &part(), &[x], "", 1), Err(Error::Mismatch { .. })));
        assert!(matches!(inline(&mut graph, &part(), &[], "", 1), Err(Error::Mismatch { .. })));
    }
}
