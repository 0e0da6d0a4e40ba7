//! One graph copied into another.

use move37_candidate::ir::{Error, Graph, NodeId, Op};

/// Random streams set aside for each copy, so that no two draw the same numbers.
const STREAMS: u32 = 1 << 16;

/// Copy `part` into `graph`: its inputs become the given nodes, its parameters get `prefix` before their names, its random
/// leaves the streams of copy number `copy`. Returns its outputs. Nodes keep their source lines.
pub(super) fn inline(
    graph: &mut Graph,
    part: &Graph,
    inputs: &[NodeId],
    prefix: &str,
    copy: u32,
) -> Result<Vec<NodeId>, Error> {
    let span = graph.span;
    let mut placed: Vec<NodeId> = Vec::with_capacity(part.nodes().len());
    for node in part.nodes() {
        graph.span = node.span;
        let operands: Vec<NodeId> = node.inputs.iter().map(|i| placed[i.index()]).collect();
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
                graph.param(&format!("{prefix}{}", param.name), param.kind, placed[param.init.index()])?
            }
            Op::Random { distribution, stream } => {
                let op = Op::Random { distribution, stream: copy * STREAMS + stream };
                graph.push(op, &[], (&node.shape, node.dtype))?
            }
            ref op => graph.push(op.clone(), &operands, (&node.shape, node.dtype))?,
        };
        placed.push(id);
    }
    graph.span = span;
    Ok(part.outputs.iter().map(|output| placed[output.index()]).collect())
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
    fn an_input_of_another_shape_is_refused() {
        let mut graph = Graph::default();
        let x = graph.input("x", &[2, 4], DType::F32).unwrap();
        assert!(matches!(inline(&mut graph, &part(), &[x], "", 1), Err(Error::Mismatch { .. })));
        assert!(matches!(inline(&mut graph, &part(), &[], "", 1), Err(Error::Mismatch { .. })));
    }
}
